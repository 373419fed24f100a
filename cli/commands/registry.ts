import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Client } from '../../client/createClient.ts';
import { askPassword } from '../askPassword.ts';
import { ALL, openClient } from '../client.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';

interface AddFlags extends JsonFlag {
  username: string;
  passwordStdin?: boolean;
}

/** `drayage registry ...` */
export function defineRegistry(registry: Command): void {
  subcommand(registry, 'ls', 'list the registries that there are credentials for').action(
    async (flags: JsonFlag) => {
      print(flags, await list(await openClient()), ({ items }) =>
        table(
          ['HOST', 'ID', 'USER', 'CREATED'],
          items.map(({ host, id, username, createdAt }) => [host, id, username, ago(createdAt)]),
        ),
      );
    },
  );

  subcommand(
    registry,
    'add <host>',
    'keep credentials for a registry; the password is asked for, or DRAYAGE_REGISTRY_PASSWORD',
  )
    .requiredOption('--username <name>', 'who signs in there')
    .option('--password-stdin', 'read the password from standard input')
    .action(async (host: string, flags: AddFlags) => {
      const { username, passwordStdin = false } = flags;
      const password = passwordStdin
        ? (await text(process.stdin)).replace(/\r?\n$/, '')
        : (process.env['DRAYAGE_REGISTRY_PASSWORD'] ??
          (await askPassword('Set DRAYAGE_REGISTRY_PASSWORD, or use --password-stdin.')));
      const client = await openClient();
      const body = { host, username, password };
      print(
        flags,
        await client.post('/registries', { body }),
        (made) => `images of ${made.host} are pulled as ${made.username}`,
      );
    });

  subcommand(registry, 'rm <registry>', 'forget the credentials for a registry, by its host or id').action(
    async (named: string, flags: JsonFlag) => {
      const client = await openClient();
      const { items } = await list(client);
      const id = items.find(({ host }) => host === named.toLowerCase())?.id ?? named;
      await client.delete('/registries/{id}', { params: { path: { id } } });
      print(flags, { removed: named }, () => `${named} was forgotten`);
    },
  );
}

function list(client: Client) {
  return client.get('/registries', ALL);
}
