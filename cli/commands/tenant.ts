import type { Command } from 'commander';
import { Option } from 'commander';
import { z } from 'zod';
import { meSchema } from '../../core/api/auth.ts';
import { listOf } from '../../core/api/common.ts';
import {
  invitationSchema,
  invitedSchema,
  memberSchema,
  quotaViewSchema,
  type QuotaView,
  tenantSchema,
} from '../../core/api/tenants.ts';
import { NO_QUOTA } from '../../core/quota.ts';
import { openClient } from '../client.ts';
import { usageError } from '../exit.ts';
import { ago, details, type JsonFlag, print, subcommand, table } from '../output.ts';
import { memorySize, positiveNumber, wholeNumber } from '../parse.ts';

const ALL = { query: { limit: '500' } };
const pathOf = (tenant: string) => `/tenants/${encodeURIComponent(tenant)}`;
const role = new Option('--role <role>', 'what they may do').choices(['viewer', 'member', 'owner']);

/** `drayage tenant ...` */
export function registerTenant(program: Command): void {
  const tenant = program
    .command('tenant')
    .description('whose the computes are; DRAYAGE_TENANT names the one that commands are about');

  subcommand(tenant, 'ls', 'list the tenants that you are a member of').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.request('GET', '/tenants', listOf(tenantSchema), ALL);
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
      const made = await client.request('POST', '/tenants', tenantSchema, { body });
      print(flags, made, ({ name, id }) => `${name} (${id})`);
    });

  subcommand(tenant, 'rm <tenant>', 'delete a tenant that has no computes and images').action(
    async (name: string, flags: JsonFlag) => {
      const client = await openClient();
      await client.request('DELETE', pathOf(name), z.null());
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
    .action(async (name: string, flags: JsonFlag & { set?: string; role?: string; remove?: string }) => {
      const client = await openClient();
      const member = (id: string) => `${pathOf(name)}/members/${encodeURIComponent(id)}`;
      if ((flags.set === undefined) !== (flags.role === undefined))
        throw usageError('--set and --role belong together.', 'Give both, or neither.');
      if (flags.set !== undefined)
        await client.request('PATCH', member(flags.set), z.null(), { body: { role: flags.role } });
      if (flags.remove !== undefined) await client.request('DELETE', member(flags.remove), z.null());
      const page = await client.request('GET', `${pathOf(name)}/members`, listOf(memberSchema), ALL);
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
    .action(async (name: string, flags: JsonFlag & { email?: string; role?: string; list?: boolean }) => {
      const client = await openClient();
      const path = `${pathOf(name)}/invitations`;
      if (flags.list === true) {
        const page = await client.request('GET', path, listOf(invitationSchema), ALL);
        print(flags, page, ({ items }) =>
          table(
            ['EMAIL', 'ID', 'ROLE', 'ENDS', 'ACCEPTED'],
            items.map(({ email, id, role: theirs, expiresAt, acceptedAt }) => [
              ...[email, id, theirs, expiresAt],
              acceptedAt === null ? '-' : ago(acceptedAt),
            ]),
          ),
        );
        return;
      }
      if (flags.email === undefined) throw usageError('Who is invited?', 'Give --email, or --list.');
      const body = { email: flags.email, ...(flags.role === undefined ? {} : { role: flags.role }) };
      const invited = await client.request('POST', path, invitedSchema, { body });
      print(flags, invited, ({ secret }) => secret);
    });

  subcommand(tenant, 'join <secret>', 'accept an invitation').action(
    async (secret: string, flags: JsonFlag) => {
      const client = await openClient();
      const me = await client.request('POST', '/invitations/accept', meSchema, { body: { secret } });
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
      const path = `${pathOf(name)}/quota`;
      const view = await (Object.keys(body).length === 0
        ? client.request('GET', path, quotaViewSchema)
        : client.request('PATCH', path, quotaViewSchema, { body }));
      print(flags, view, quotaText);
    });
}

function quotaText({ quota, used }: QuotaView): string {
  const mebibytes = (bytes: number) => `${String(Math.round(bytes / 2 ** 20))} MiB`;
  const row = (key: keyof typeof used, show: (value: number) => string): string => {
    const most = quota[key];
    return `${show(used[key])} of ${most === null ? 'any' : show(most)}`;
  };
  return details([
    ['computes', row('computes', String)],
    ['memory', row('memoryBytes', mebibytes)],
    ['CPUs', row('cpus', String)],
    ['images', row('imageBytes', mebibytes)],
  ]);
}
