import type { Command } from 'commander';
import { ALL, openClient } from '../client.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';
import { wholeNumber } from '../parse.ts';

/** `drayage token ...` */
export function defineToken(token: Command): void {
  subcommand(token, 'create', 'make a token; its secret is shown this once')
    .requiredOption('--name <name>', 'what it is for')
    .option('--expires-in-days <n>', 'when it ends; without it, never', wholeNumber(1, 3650))
    .action(async (flags: JsonFlag & { name: string; expiresInDays?: number }) => {
      const client = await openClient();
      const body = { name: flags.name, expiresInDays: flags.expiresInDays };
      print(flags, await client.post('/tokens', { body }), ({ secret }) => secret);
    });

  subcommand(token, 'ls', 'list tokens').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/tokens', ALL);
    print(flags, page, ({ items }) =>
      table(
        ['NAME', 'ID', 'CREATED', 'LAST USED', 'EXPIRES'],
        items.map(({ name, id, createdAt, lastUsedAt, expiresAt }) => [
          name,
          id,
          ago(createdAt),
          lastUsedAt === null ? 'never' : ago(lastUsedAt),
          expiresAt === null ? 'never' : ago(expiresAt),
        ]),
      ),
    );
  });

  subcommand(token, 'rm <token>', 'delete a token, by its id').action(async (id: string, flags: JsonFlag) => {
    const client = await openClient();
    await client.delete('/tokens/{id}', { params: { path: { id } } });
    print(flags, { removed: id }, () => `${id} was deleted`);
  });
}
