import type { Command } from 'commander';
import type { Answer, Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { openClient } from '../client.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { ago, details, formatMs, type JsonFlag, print, subcommand } from '../output.ts';
import { wholeNumber } from '../parse.ts';
import { table } from '../table.ts';
import { waitForEvacuation } from '../wait.ts';

type Evacuation = Schemas['Evacuation'];
type Plan = Schemas['EvacuationPlan'];
type Started = Answer<'/devices/{id}/evacuations', 'post'>;
type Item = Plan['items'][number];

/** `drayage evacuation ...` */
export function defineEvacuation(evacuation: Command): void {
  subcommand(evacuation, 'ls', 'list evacuations, returns and rebalances, newest first')
    .option('--device <device>', 'only those of this one')
    .option('--open', 'only those that have not ended')
    .option('--limit <n>', 'how many', wholeNumber(1, 500), 50)
    .action(async (flags: JsonFlag & { device?: string; open?: boolean; limit: number }) => {
      const client = await openClient();
      const { device, limit, open } = flags;
      const query = { device, limit, open: open === true ? 'true' : undefined };
      print(flags, await client.get('/evacuations', { params: { query } }), ({ items }) =>
        table(['ID', 'KIND', 'DEVICE', 'STATE', 'MOVED', 'LEFT', 'BEGAN', 'ENDS'], items.map(row)),
      );
    });

  subcommand(evacuation, 'show <evacuation>', 'show an evacuation with its plan').action(
    async (id: string, flags: JsonFlag) => {
      const client = await openClient();
      print(flags, await client.get('/evacuations/{id}', { params: { path: { id } } }), describe);
    },
  );

  const changes = [
    ['pause', 'start no more moves until it is resumed'],
    ['resume', 'go on after a pause'],
  ] as const;
  for (const [change, description] of changes) {
    subcommand(evacuation, `${change} <evacuation>`, description).action(
      async (id: string, flags: JsonFlag) => {
        const client = await openClient();
        const changed = await client.post(`/evacuations/{id}/${change}`, { params: { path: { id } } });
        print(flags, changed, ({ state, reason }) => `${state}: ${reason}`);
      },
    );
  }

  subcommand(evacuation, 'cancel <evacuation>', 'end an evacuation early; the device stays cordoned')
    .option('--abort', 'roll back the moves that are under way, where that is still possible')
    .action(async (id: string, flags: JsonFlag & { abort?: boolean }) => {
      const client = await openClient();
      const body = { moves: flags.abort === true ? ('abort' as const) : ('finish' as const) };
      const changed = await client.post('/evacuations/{id}/cancel', { params: { path: { id } }, body });
      print(flags, changed, ({ state, reason }) => `${state}: ${reason}`);
    });

  subcommand(evacuation, 'return <evacuation>', 'bring back to its device what an evacuation has moved away')
    .option('--dry-run', 'show what would be moved, and move nothing')
    .option('--wait', 'wait for its end')
    .action(async (id: string, flags: JsonFlag & { dryRun?: boolean; wait?: boolean }) => {
      const client = await openClient();
      const body = { dryRun: flags.dryRun === true };
      await follow(flags, await client.post('/evacuations/{id}/return', { params: { path: { id } }, body }));
    });
}

/** Shows the plan of what was started or only planned, and waits for its end where that is asked for. */
export async function follow(flags: JsonFlag & { wait?: boolean }, started: Started): Promise<void> {
  if (!('id' in started)) {
    print(flags, started, (plan) => [plan.reason, ...planLines(plan)].join('\n'));
    return;
  }
  if (flags.wait !== true) {
    print(flags, started, ({ id, plan }) => [`${id}: ${plan.reason}`, ...planLines(plan)].join('\n'));
    return;
  }
  if (flags.json !== true) process.stderr.write(`${[started.id, ...planLines(started.plan)].join('\n')}\n`);
  const client = await openClient();
  const ended = await waitForEvacuation(client, started.id);
  print(flags, ended, describe);
  if (ended.state === 'succeeded') return;
  const causes = ended.items
    .filter(({ state }) => state === 'left')
    .flatMap(({ causes: [first] }) => first ?? []);
  const own = {
    code: ended.state,
    message: ended.reason,
    mend: `See \`drayage evacuation show ${ended.id}\`.`,
  };
  throw new CommandFailed(Exit.failed, [own, ...causes], 'Not everything was moved');
}

function row(one: Schemas['EvacuationSummary']): string[] {
  const { counts } = one;
  return [
    ...[one.id, one.kind, one.device?.name ?? '', one.state],
    ...[String(counts.moved ?? 0), String((counts.waiting ?? 0) + (counts.moving ?? 0) + (counts.left ?? 0))],
    ...[ago(one.createdAt), one.predictedEndAt === null ? '' : ago(one.predictedEndAt)],
  ];
}

function describe(one: Evacuation): string {
  const { caps } = one;
  const pairs: [string, string | number | null | undefined][] = [
    ['id', one.id],
    ['kind', one.kind],
    ['device', one.device?.name],
    ['state', one.state],
    ['reason', one.reason],
    ['began', ago(one.createdAt)],
    ['ended', one.endedAt && ago(one.endedAt)],
    ['deadline', one.deadlineAt && `${ago(one.deadlineAt)}, then ${one.policy} what runs`],
    [
      'at most',
      `${String(caps.perSource)} from a device, ${String(caps.perTarget)} to one, ${String(caps.perLink)} on a link, ${String(caps.overall)} in all`,
    ],
    ['comes back', one.returnHome === 'asked' ? 'when the device is uncordoned' : undefined],
    ['returns', one.returns],
  ];
  return [details(pairs), ...planLines(one)].join('\n');
}

/** The plan as a table, and what it is going to cost. */
function planLines(plan: Omit<Plan, 'reason'>): string[] {
  if (plan.items.length === 0) return ['Nothing is to be moved.'];
  const rows = plan.items.map((item) => [
    ...[item.computes.map(({ name }) => name).join(', ') || item.group, item.state],
    ...[item.source?.name ?? '', item.target?.name ?? '', ...figures(item)],
  ]);
  const why = plan.items.flatMap(({ computes, state, causes: [cause] }) =>
    cause && ['waiting', 'left'].includes(state)
      ? [`${computes.map(({ name }) => name).join(', ')}: ${cause.message} ${cause.mend}`]
      : [],
  );
  const { wireBytes, longestFreezeMs } = plan.predicted;
  const sums = [
    `${formatBytes(wireBytes)} on the wire`,
    ...(longestFreezeMs === null ? [] : [`no freeze over ${formatMs(longestFreezeMs)}`]),
  ];
  const end = plan.predictedEndAt === null ? [] : [`ends ${ago(plan.predictedEndAt)}`];
  return [
    table(['COMPUTE', 'STATE', 'FROM', 'TO', 'FROZEN', 'BYTES', 'STARTS', 'ENDS'], rows),
    ...why,
    `predicted: ${[...sums, ...end].join(', ')}`,
  ];
}

function figures({ predicted, startsAt, endsAt }: Item): string[] {
  const at = (instant: string | null) => (instant === null ? '' : ago(instant));
  if (predicted === null) return ['', '', at(startsAt), at(endsAt)];
  return [formatMs(predicted.freezeMs), formatBytes(predicted.wireBytes), at(startsAt), at(endsAt)];
}
