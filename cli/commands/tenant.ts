import type { Command } from 'commander';
import { Option } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { NO_QUOTA } from '../../core/quota.ts';
import { ALL, openClient } from '../client.ts';
import { usageError } from '../exit.ts';
import { ago, details, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';
import { memorySize, positiveNumber, wholeNumber } from '../parse.ts';

type Role = Schemas['Member']['role'];
const ROLES: Role[] = ['viewer', 'member', 'owner'];
const role = new Option('--role <role>', 'what they may do').choices(ROLES);

const MEMBER = '/tenants/{id}/members/{account}';
const allOf = (tenant: string) => ({ params: { path: { id: tenant }, ...ALL.params } });

/** `drayage tenant ...` */
export function defineTenant(tenant: Command): void {
  subcommand(tenant, 'ls', 'list the tenants that you are a member of').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/tenants', ALL);
    print(flags, page, ({ items }) =>
      table(
        ['NAME', 'ID', 'YOUR ROLE', 'CREATED'],
        items.map(({ name, id, role: mine, createdAt }) => [name, id, mine ?? '-', ago(createdAt)]),
      ),
    );
  });

  subcommand(tenant, 'create', 'make a tenant; you are its owner')
    .requiredOption('--name <name>', 'lower-case letters, digits and hyphens')
    .action(async (flags: JsonFlag & { name: string }) => {
      const client = await openClient();
      const body = { name: flags.name };
      const made = await client.post('/tenants', { body });
      print(flags, made, ({ name, id }) => `${name} (${id})`);
    });

  subcommand(tenant, 'rm <tenant>', 'delete a tenant that has no computes and images').action(
    async (name: string, flags: JsonFlag) => {
      const client = await openClient();
      await client.delete('/tenants/{id}', { params: { path: { id: name } } });
      print(flags, { removed: name }, () => `${name} was deleted`);
    },
  );

  registerMembers(tenant);
  registerQuota(tenant);
}

function registerMembers(tenant: Command): void {
  subcommand(tenant, 'members <tenant>', 'list members; with --set or --remove change one')
    .option('--set <account>', 'id of a member, whose role becomes that of --role')
    .addOption(role)
    .option('--remove <account>', 'id of a member')
    .action(async (name: string, flags: JsonFlag & { set?: string; role?: Role; remove?: string }) => {
      const client = await openClient();
      const member = (account: string) => ({ params: { path: { id: name, account } } });
      const { set, role: given, remove } = flags;
      if ((set === undefined) !== (given === undefined))
        throw usageError('--set and --role belong together.', 'Give both, or neither.');
      if (set !== undefined && given !== undefined)
        await client.patch(MEMBER, { ...member(set), body: { role: given } });
      if (remove !== undefined) await client.delete(MEMBER, member(remove));
      const page = await client.get('/tenants/{id}/members', allOf(name));
      print(flags, page, ({ items }) =>
        table(
          ['EMAIL', 'ID', 'ROLE', 'SINCE'],
          items.map(({ account, role: theirs, createdAt }) => [
            ...[account.email, account.id, theirs],
            ago(createdAt),
          ]),
        ),
      );
    });

  subcommand(tenant, 'invite <tenant>', 'invite somebody, or list the invitations')
    .option('--email <email>', 'who is invited')
    .addOption(role)
    .option('--list', 'list the invitations instead')
    .action(async (name: string, flags: JsonFlag & { email?: string; role?: Role; list?: boolean }) => {
      const client = await openClient();
      const path = '/tenants/{id}/invitations';
      if (flags.list === true) {
        const page = await client.get(path, allOf(name));
        print(flags, page, ({ items }) =>
          table(
            ['EMAIL', 'ID', 'ROLE', 'ENDS', 'ACCEPTED'],
            items.map(({ email, id, role: theirs, expiresAt, acceptedAt }) => [
              ...[email, id, theirs, ago(expiresAt)],
              acceptedAt === null ? '-' : ago(acceptedAt),
            ]),
          ),
        );
        return;
      }
      if (flags.email === undefined) throw usageError('Who is invited?', 'Give --email, or --list.');
      const body = { email: flags.email, role: flags.role };
      const invited = await client.post(path, { params: { path: { id: name } }, body });
      print(flags, invited, ({ secret }) => secret);
    });

  subcommand(tenant, 'join <secret>', 'accept an invitation').action(
    async (secret: string, flags: JsonFlag) => {
      const client = await openClient();
      const me = await client.post('/invitations/accept', { body: { secret } });
      print(flags, me, ({ tenants }) => `you are a member of ${tenants.map(({ name }) => name).join(', ')}`);
    },
  );
}

interface QuotaFlags extends JsonFlag {
  computes?: number;
  memory?: number;
  cpus?: number;
  images?: number;
  unlimited?: boolean;
}

function registerQuota(tenant: Command): void {
  subcommand(tenant, 'quota <tenant>', 'show what a tenant may have and has; the operator changes it')
    .option('--computes <n>', 'how many', wholeNumber(0, 1_000_000))
    .option('--memory <size>', "sum of the computes' limits, e.g. 4g", memorySize)
    .option('--cpus <n>', "sum of the computes' limits", positiveNumber)
    .option('--images <size>', 'sum of the images', memorySize)
    .option('--unlimited', 'take all limits away')
    .action(async (name: string, flags: QuotaFlags) => {
      const client = await openClient();
      const { computes, memory: memoryBytes, cpus, images: imageBytes } = flags;
      const given = { computes, memoryBytes, cpus, imageBytes };
      const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const body = { ...(flags.unlimited === true ? NO_QUOTA : {}), ...named };
      const of = { params: { path: { id: name } } };
      const view = await (Object.keys(body).length === 0
        ? client.get('/tenants/{id}/quota', of)
        : client.patch('/tenants/{id}/quota', { ...of, body }));
      print(flags, view, quotaText);
    });
}

function quotaText({ quota, used }: Schemas['Quota']): string {
  const row = (key: keyof typeof used, show: (value: number) => string): string => {
    const most = quota[key];
    return `${show(used[key])} of ${most === null ? 'any' : show(most)}`;
  };
  return details([
    ['computes', row('computes', String)],
    ['memory', row('memoryBytes', formatBytes)],
    ['CPUs', row('cpus', String)],
    ['images', row('imageBytes', formatBytes)],
  ]);
}
