import type { Command } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { openClient } from '../client.ts';
import { details, formatMs, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';
import { wholeNumber } from '../parse.ts';
import { roundLines } from '../rounds.ts';
import { phaseLines } from '../timeline.ts';

type Migration = Schemas['Migration'];

/** `drayage migration ...` */
export function defineMigration(migration: Command): void {
  subcommand(migration, 'ls', 'list moves, newest first')
    .option('--compute <compute>', 'only of this one')
    .option('--limit <n>', 'how many', wholeNumber(1, 500), 50)
    .action(async (flags: JsonFlag & { compute?: string; limit: number }) => {
      const client = await openClient();
      const query = { compute: flags.compute, limit: flags.limit };
      const page = await client.get('/migrations', { params: { query } });
      print(flags, page, ({ items }) =>
        table(['ID', 'COMPUTE', 'SOURCE', 'TARGET', 'STATE', 'FROZEN', 'TOTAL'], items.map(row)),
      );
    });

  subcommand(migration, 'show <migration>', 'show a move').action(async (id: string, flags: JsonFlag) => {
    const client = await openClient();
    print(flags, await client.get('/migrations/{id}', { params: { path: { id } } }), describe);
  });

  subcommand(migration, 'abort <migration>', 'stop a move; the compute runs on where it is').action(
    async (id: string, flags: JsonFlag) => {
      const client = await openClient();
      const asked = await client.post('/migrations/{id}/abort', { params: { path: { id } } });
      print(flags, asked, ({ reason }) => reason);
    },
  );
}

function predictedLine({ freezeMs, wireBytes }: NonNullable<Migration['predicted']>): string {
  return `frozen ${formatMs(freezeMs)}, ${formatBytes(wireBytes)} on the wire`;
}

function row(move: Migration): string[] {
  const { id, compute, source, target, state, frozenMs, totalMs } = move;
  return [id, compute.name, source.name, target.name, state, formatMs(frozenMs), formatMs(totalMs)];
}

function describe(move: Migration): string {
  const pairs: [string, string | number | null | undefined][] = [
    ['id', move.id],
    ['compute', move.compute.name],
    ['source', move.source.name],
    ['target', move.target.name],
    ['state', move.state],
    ['reason', move.reason],
    ...move.causes.map(({ message, mend }): [string, string] => ['cause', `${message} ${mend}`]),
    ['epoch', move.epoch],
    ['dry run', move.dryRun ? 'yes: nothing was moved' : undefined],
    ['tracker', move.tracker && `${move.tracker}: ${move.trackerReason ?? ''}`],
    ['restore', move.restore && `${move.restore.mode}: ${move.restore.reason}`],
    [
      'slowed to',
      move.throttle === null ? undefined : `${Math.round(move.throttle * 100)} % of its processor time`,
    ],
    ['predicted', move.predicted && predictedLine(move.predicted)],
    ['frozen', formatMs(move.frozenMs)],
    ['total', formatMs(move.totalMs)],
    ['on the wire', move.wireBytes > 0 ? formatBytes(move.wireBytes) : undefined],
    ['workflow', `${move.workflowId} ${move.runId}`.trim()],
  ];
  const phases = phaseLines(move.phases);
  const rounds = roundLines(move.rounds);
  return [
    details(pairs),
    ...(rounds.length > 0 ? ['rounds', ...rounds] : []),
    ...(phases.length > 0 ? ['phases', ...phases] : []),
  ].join('\n');
}
