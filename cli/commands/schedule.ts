import type { Command } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import type { LeftoverPolicy } from '../../core/evacuation.ts';
import { ALL, openClient } from '../client.ts';
import { usageError } from '../exit.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { seconds, wholeNumber } from '../parse.ts';
import { table } from '../table.ts';
import { leftoversOption } from './deviceEvacuate.ts';

interface AddFlags extends JsonFlag {
  cron: string;
  timeZone?: string;
  evacuate?: string;
  rebalance?: boolean;
  deadline?: number;
  leftovers?: LeftoverPolicy;
  returnHome?: boolean;
  mostPerHour?: number;
}

const HELP = `
Say either --evacuate or --rebalance. What is due while the control plane is away begins when it is back
within ten minutes, and not at all after that.`;

/** `drayage schedule ...` */
export function defineSchedule(schedule: Command): void {
  subcommand(schedule, 'ls', 'list schedules').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/schedules', ALL);
    print(flags, page, ({ items }) => table(['NAME', 'ID', 'DOES', 'TIMES', 'NEXT', 'LAST'], items.map(row)));
  });

  subcommand(schedule, 'add <name>', 'begin an evacuation or a rebalance at certain times')
    .requiredOption('--cron <times>', 'five fields, as of crontab(5): minute hour day month weekday')
    .option('--time-zone <zone>', 'in which the times are, e.g. Europe/Berlin (default: UTC)')
    .option('--evacuate <device>', 'empty this device')
    .option('--rebalance', 'move computes from full devices to emptier ones')
    .option('--deadline <time>', 'try for so long, e.g. 30m', seconds)
    .addOption(leftoversOption())
    .option('--return-home', 'bring back what left when the device is uncordoned')
    .option('--most-per-hour <n>', 'of a rebalance: at most so many moves in an hour', wholeNumber(1, 1_000))
    .addHelpText('after', HELP)
    .action(add);

  subcommand(schedule, 'rm <schedule>', 'delete a schedule; what it has begun goes on').action(
    async (named: string, flags: JsonFlag) => {
      const client = await openClient();
      await client.delete('/schedules/{id}', { params: { path: { id: named } } });
      print(flags, { removed: named }, () => `${named} was deleted`);
    },
  );
}

async function add(name: string, flags: AddFlags): Promise<void> {
  const { evacuate, rebalance = false, cron, timeZone } = flags;
  if ((evacuate !== undefined) === rebalance) throw usageError('Either --evacuate or --rebalance is needed.');
  const client = await openClient();
  const { deadline: deadlineSeconds, leftovers: policy, returnHome, mostPerHour } = flags;
  const timing = { name, cron, timeZone };
  const body =
    evacuate === undefined
      ? { ...timing, action: 'rebalance' as const, options: { mostPerHour } }
      : {
          ...{ ...timing, action: 'evacuate' as const, device: evacuate },
          options: { deadlineSeconds, policy, returnHome },
        };
  print(flags, await client.post('/schedules', { body }), ({ id, nextRunAt }) =>
    [`${name} (${id})`, nextRunAt === null ? '' : `begins ${ago(nextRunAt)}`].filter(Boolean).join(', '),
  );
}

function row({
  name,
  id,
  action,
  device,
  cron,
  timeZone,
  nextRunAt,
  lastRun,
}: Schemas['Schedule']): string[] {
  const did = lastRun && (lastRun.evacuation ?? lastRun.cause?.message ?? '');
  return [
    ...[name, id, device === null ? action : `${action} ${device.name}`, `${cron} ${timeZone}`],
    ...[
      nextRunAt === null ? 'never' : ago(nextRunAt),
      lastRun === null ? '' : `${ago(lastRun.at)}: ${did ?? ''}`,
    ],
  ];
}
