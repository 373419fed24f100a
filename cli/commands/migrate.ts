import type { Command } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import type { Cause } from '../../core/cause.ts';
import { openClient } from '../client.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { formatMs, type JsonFlag, leaf, print } from '../output.ts';
import { wholeNumber } from '../parse.ts';
import { progressLine, roundLines } from '../rounds.ts';
import { phaseLines, summary } from '../timeline.ts';
import { waitForMigration } from '../wait.ts';

type Migration = Schemas['Migration'];

interface MigrateFlags extends JsonFlag {
  to?: string;
  maxDowntime?: number;
  bandwidth?: number;
  allowThrottle?: boolean;
  endSessions?: boolean;
  dryRun?: boolean;
  watch?: boolean;
  detach?: boolean;
}

/** `drayage migrate`: moves a compute and waits for the end of it. */
export function defineMigrate(command: Command): void {
  leaf(command)
    .option('--to <device>', 'where to; without it a device is chosen')
    .option('--max-downtime <ms>', 'what clients may wait at most, milliseconds', wholeNumber(1, 600_000))
    .option('--bandwidth <mbit>', 'most megabits a second on the link', wholeNumber(1, 100_000))
    .option('--allow-throttle', 'slow the compute down when it writes faster than the link carries')
    .option(
      '--end-sessions',
      'end what somebody runs inside the compute (exec), instead of refusing the move',
    )
    .option('--dry-run', 'copy its memory but do not move it: tells what the freeze would cost')
    .option('--watch', 'show rounds and phases while it runs')
    .option('--detach', 'do not wait for its end')
    .action(migrate);
}

async function migrate(name: string, flags: MigrateFlags): Promise<void> {
  const client = await openClient();
  const interrupt = new AbortController();
  let id: string | undefined;
  const onSignal = () => {
    interrupt.abort();
  };
  process.on('SIGINT', onSignal);
  try {
    const body = {
      target: flags.to,
      maxDowntimeMs: flags.maxDowntime,
      bandwidthMbit: flags.bandwidth,
      allowThrottle: flags.allowThrottle,
      endSessions: flags.endSessions,
      dryRun: flags.dryRun,
    };
    // Not ended by SIGINT: the move may have been accepted, and its id is what the user then needs.
    const params = { path: { id: name } };
    const accepted = await client.post('/computes/{id}/migrations', { params, body });
    id = accepted.id;
    if (flags.detach === true) {
      print(flags, accepted, (move) => `${move.id} moves ${name} to ${move.target.name} (${move.reason})`);
      return;
    }
    interrupt.signal.throwIfAborted();
    const look = flags.watch === true ? watcher() : undefined;
    const ended = await waitForMigration(client, id, { signal: interrupt.signal, ...(look ? { look } : {}) });
    report(ended, flags);
  } catch (error) {
    if (!interrupt.signal.aborted || error instanceof CommandFailed) throw error;
    process.stderr.write(
      `The move goes on. Follow it with \`drayage migration show ${id ?? ''}\`, stop it with \`drayage migration abort ${id ?? ''}\`.\n`,
    );
    process.exitCode = Exit.interrupted;
  } finally {
    process.off('SIGINT', onSignal);
  }
}

/** Prints the record, also of a move that did not succeed: `--json` gives one document either way. */
function report(ended: Migration, flags: MigrateFlags): void {
  print(flags, ended, (move) =>
    [
      summary(move),
      ...(flags.watch === true ? [] : [...roundLines(move.rounds), ...phaseLines(move.phases)]),
      ...figures(move),
    ].join('\n'),
  );
  if (ended.state === 'succeeded') return;
  const own: Cause = {
    code: ended.state,
    message: ended.reason,
    mend: `See \`drayage migration show ${ended.id}\`.`,
  };
  const causes = ended.causes.length > 0 ? ended.causes : [own];
  for (const { message, mend } of causes) process.stderr.write(`${message} ${mend}\n`);
  process.exitCode = ended.state === 'refused' ? Exit.refused : Exit.failed;
}

function figures({ frozenMs, totalMs, predicted }: Migration): string[] {
  const parts = [
    ...(frozenMs === null ? [] : [`frozen ${formatMs(frozenMs)}`]),
    ...(predicted === null ? [] : [`predicted ${formatMs(predicted.freezeMs)}`]),
    ...(totalMs === null ? [] : [`whole move ${formatMs(totalMs)}`]),
  ];
  return parts.length > 0 ? [parts.join(', ')] : [];
}

/** Shows states and phases on stderr as they come: the phases of a terminal are drawn anew each time. */
function watcher(): (migration: Migration) => void {
  let state = '';
  let drawn: string[] = [];
  let known = 0;
  let rounds = 0;
  return (migration) => {
    const line = `${migration.state}: ${migration.reason}`;
    const progress = progressLine(migration.progress);
    const changed = line !== state || migration.phases.length !== known || migration.rounds.length !== rounds;
    if (!changed && (progress === null || !process.stderr.isTTY)) {
      if (progress !== null) process.stderr.write(`  ${progress}\n`);
      return;
    }
    const lines = [
      line,
      ...(progress === null ? [] : [`  ${progress}`]),
      ...roundLines(migration.rounds),
      ...phaseLines(migration.phases),
    ];
    if (process.stderr.isTTY) {
      if (drawn.length > 0) process.stderr.write(`\u001b[${String(drawn.length)}A\u001b[J`);
      process.stderr.write(`${lines.join('\n')}\n`);
      drawn = lines;
    } else {
      if (line !== state) process.stderr.write(`${line}\n`);
      if (migration.rounds.length !== rounds)
        process.stderr.write(`${roundLines(migration.rounds).join('\n')}\n`);
      for (const { name, ms } of migration.phases.slice(known))
        process.stderr.write(`  ${name}  ${formatMs(ms)}\n`);
    }
    state = line;
    known = migration.phases.length;
    rounds = migration.rounds.length;
  };
}
