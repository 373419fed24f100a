import type { Command } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import { ALL, openClient } from '../client.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';

/** `drayage webhook ...` */
export function defineWebhook(webhook: Command): void {
  subcommand(
    webhook,
    'add <url>',
    'have events sent to a URL; prints the secret of its signatures, this once',
  )
    .option('--types <types>', "only these, e.g. 'compute.*,migration.failed'")
    .action(async (url: string, flags: JsonFlag & { types?: string }) => {
      const client = await openClient();
      const body = { url, types: flags.types?.split(',') };
      const made = await client.post('/webhooks', { body });
      print(flags, made, ({ secret }) => secret);
    });

  subcommand(webhook, 'ls', 'list webhooks').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/webhooks', ALL);
    print(flags, page, ({ items }) =>
      table(
        ['ID', 'URL', 'TYPES', 'STATE', 'CREATED'],
        items.map((one) => [one.id, one.url, one.types.join(',') || '*', stateOf(one), ago(one.createdAt)]),
      ),
    );
  });

  subcommand(webhook, 'rm <webhook>', 'send no more events, by its id').action(
    async (id: string, flags: JsonFlag) => {
      const client = await openClient();
      await client.delete('/webhooks/{id}', { params: { path: { id } } });
      print(flags, { removed: id }, () => `${id} was deleted`);
    },
  );
}

function stateOf({ enabled, disabledReason, failures, nextAttemptAt }: Schemas['Webhook']): string {
  if (!enabled) return disabledReason === null ? 'ended' : `ended: ${disabledReason}`;
  if (failures === 0) return 'fine';
  return `failed ${String(failures)} times${nextAttemptAt === null ? '' : `, again ${ago(nextAttemptAt)}`}`;
}
