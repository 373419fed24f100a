import type { Command } from 'commander';
import { openClient } from '../client.ts';
import { type JsonFlag, leaf } from '../output.ts';
import { wholeNumber } from '../parse.ts';
import { follow } from './evacuation.ts';

interface RebalanceFlags extends JsonFlag {
  mostPerHour: number;
  dryRun?: boolean;
  wait?: boolean;
}

/** `drayage rebalance`: never by itself. */
export function defineRebalance(command: Command): void {
  leaf(command)
    .option('--dry-run', 'show what would be moved and what that gains, and move nothing')
    .option('--most-per-hour <n>', 'at most so many moves in an hour', wholeNumber(1, 1_000), 6)
    .option('--wait', 'wait for its end')
    .action(async (flags: RebalanceFlags) => {
      const client = await openClient();
      const body = { dryRun: flags.dryRun === true, mostPerHour: flags.mostPerHour };
      await follow(flags, await client.post('/rebalances', { body }));
    });
}
