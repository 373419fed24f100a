import type { Command } from 'commander';
import { ALL, openClient } from '../client.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';

/** `drayage group ...` */
export function defineGroup(group: Command): void {
  subcommand(
    group,
    'create <name>',
    'make a group; computes are made in it with `compute create --group`',
  ).action(async (name: string, flags: JsonFlag) => {
    const client = await openClient();
    print(flags, await client.post('/groups', { body: { name } }), (made) => `${made.name} (${made.id})`);
  });

  subcommand(group, 'ls', 'list groups').action(async (flags: JsonFlag) => {
    const client = await openClient();
    print(flags, await client.get('/groups', ALL), ({ items }) =>
      table(
        ['NAME', 'ID', 'DEVICE', 'COMPUTES', 'CREATED'],
        items.map(({ name, id, device, computes, createdAt }) => [
          ...[name, id, device?.name ?? '', computes.map((one) => one.name).join(', ')],
          ago(createdAt),
        ]),
      ),
    );
  });

  subcommand(group, 'rm <group>', 'delete a group that has no computes').action(
    async (named: string, flags: JsonFlag) => {
      const client = await openClient();
      await client.delete('/groups/{id}', { params: { path: { id: named } } });
      print(flags, { removed: named }, () => `${named} was deleted`);
    },
  );
}
