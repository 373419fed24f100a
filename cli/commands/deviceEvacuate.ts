import { type Command, Option } from 'commander';
import type { Body } from '../../client/createClient.ts';
import { LEFTOVER_POLICIES } from '../../core/evacuation.ts';
import { openClient } from '../client.ts';
import { type JsonFlag, subcommand } from '../output.ts';
import { seconds, wholeNumber } from '../parse.ts';
import { follow } from './evacuation.ts';

type EvacuateBody = NonNullable<Body<'/devices/{id}/evacuations', 'post'>>;

interface EvacuateFlags extends JsonFlag {
  wait?: boolean;
  dryRun?: boolean;
  deadline?: number;
  leftovers?: EvacuateBody['policy'];
  returnHome?: boolean;
  perSource?: number;
  perTarget?: number;
  perLink?: number;
  overall?: number;
  maxDowntime?: number;
  bandwidth?: number;
  allowThrottle?: boolean;
  endSessions?: boolean;
}

const HELP = `
The device is cordoned, and stays so until \`drayage device uncordon\`. What does not run is left on it.`;

/** What becomes of what could not be moved in time. */
export function leftoversOption(): Option {
  const option = new Option('--leftovers <what>', 'becomes of what could not be moved before the deadline');
  return option.choices([...LEFTOVER_POLICIES]);
}

/** `drayage device evacuate` */
export function registerEvacuate(device: Command): void {
  const atMost = (what: string) => `most moves at once ${what}`;
  subcommand(device, 'evacuate <device>', 'move everything off a device, before maintenance')
    .option('--wait', 'wait for its end')
    .option('--dry-run', 'show the plan, and start nothing')
    .option(
      '--deadline <time>',
      'try for so long, e.g. 30m; without it until nothing more can be moved',
      seconds,
    )
    .addOption(leftoversOption())
    .option('--return-home', 'bring back what left when the device is uncordoned')
    .option('--per-source <n>', atMost('from the device'), wholeNumber(1, 64))
    .option('--per-target <n>', atMost('to another device'), wholeNumber(1, 64))
    .option('--per-link <n>', atMost('from the device to the same other one'), wholeNumber(1, 64))
    .option('--overall <n>', atMost('in all'), wholeNumber(1, 10_000))
    .option('--max-downtime <ms>', 'what clients may wait at most, milliseconds', wholeNumber(1, 600_000))
    .option('--bandwidth <mbit>', 'most megabits a second on the link of a move', wholeNumber(1, 100_000))
    .option('--allow-throttle', 'slow computes down that write faster than the link carries')
    .option('--end-sessions', 'end what somebody runs inside computes (exec), instead of leaving these')
    .addHelpText('after', HELP)
    .action(evacuate);
}

async function evacuate(name: string, flags: EvacuateFlags): Promise<void> {
  const client = await openClient();
  const { perSource, perTarget, perLink, overall } = flags;
  const body = {
    dryRun: flags.dryRun === true,
    caps: { perSource, perTarget, perLink, overall },
    deadlineSeconds: flags.deadline,
    policy: flags.leftovers,
    returnHome: flags.returnHome === true,
    maxDowntimeMs: flags.maxDowntime,
    bandwidthMbit: flags.bandwidth,
    allowThrottle: flags.allowThrottle,
    endSessions: flags.endSessions,
  };
  await follow(
    flags,
    await client.post('/devices/{id}/evacuations', { params: { path: { id: name } }, body }),
  );
}
