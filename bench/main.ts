/** `npm run bench`: Drayage beside others, on a lab of its own. Its usage is in parseFlags.ts. */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../core/cause.ts';
import { tryLock } from '../device/processLock.ts';
import { downLab } from '../lab/down.ts';
import { makeProgress, type Progress } from '../lab/progress.ts';
import { upLab } from '../lab/up.ts';
import { requireLab, type Lab } from '../lab/state.ts';
import { bindLab, bindProcess, chooseCores, type Cores } from './cores.ts';
import { figures, toldFigures } from './figures.ts';
import { commitOf, machineFacts, type MachineFacts } from './machineFacts.ts';
import { parseFlags, USAGE, type BenchFlags } from './parseFlags.ts';
import { plan, type Turn } from './plan.ts';
import { conclude, failureLines, figureLines, movesTable } from './table.ts';
import { takeSamples } from './takeSamples.ts';
import type { Sample } from './sample.ts';
import { writeResults } from './writeResults.ts';

const Exit = { done: 0, failed: 1, usage: 2, refused: 3 } as const;
/** The benchmark's own lab; a user's are not touched. */
const LAB = 'bench';
const RESULTS = fileURLToPath(new URL('results', import.meta.url));

process.exit(await main(process.argv.slice(2)));

async function main(args: string[]): Promise<number> {
  let flags: BenchFlags;
  try {
    flags = parseFlags(args);
  } catch (error) {
    console.error((error as Error).message);
    return Exit.usage;
  }
  if (flags.help) {
    process.stdout.write(USAGE);
    return Exit.done;
  }
  const lock = await tryLock('bench');
  if ('pid' in lock) {
    console.error(
      `Another benchmark is running (process ${lock.pid}). Wait for its end, or end it with Ctrl-C.`,
    );
    return Exit.refused;
  }
  try {
    return await alone(flags);
  } finally {
    await lock.release();
  }
}

/** The benchmark with its clean-up, however it ends. */
async function alone(flags: BenchFlags): Promise<number> {
  const progress = makeProgress((line) => console.error(line));
  const stopped = new AbortController();
  let code: number = Exit.done;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      code = 128 + constants.signals[signal];
      progress.say('Stopping after this move; removing all that was made.');
      stopped.abort(new Error('Stopped.'));
    });
  }
  try {
    if (!(await bench(flags, progress, stopped.signal))) code = Exit.failed;
  } catch (error) {
    if (!stopped.signal.aborted) {
      code = Exit.failed;
      console.error(error instanceof DrayageError ? error.message : error);
    }
  } finally {
    if (flags.lab === null) await downLab(LAB, progress);
  }
  return code;
}

/** Resolves with whether every figure of the plan was taken and is met. */
async function bench(flags: BenchFlags, progress: Progress, signal: AbortSignal): Promise<boolean> {
  const cores = chooseCores();
  // What this process starts inherits it: devices, control plane, contenders.
  if (cores === null)
    progress.say('This machine has one processor: load and moves share it, and figures mean little.');
  else await bindProcess(process.pid, cores.rest);
  const lab = await prepareLab(flags, cores, progress, signal);
  const machine = await machineFacts(lab, cores);
  const samples: Sample[] = [];
  const turns = plan(flags.only, flags.repeats);
  progress.say(`${turns.length} measurements.`);
  try {
    await takeSamples({ lab, cores, turns, progress, signal, onSample: (sample) => samples.push(sample) });
  } catch (error) {
    // Hours may be in a run that ended early.
    if (samples.length > 0) await report(samples, turns, machine);
    throw error;
  }
  return report(samples, turns, machine);
}

/** A lab of our own, made anew, or the one that was asked for, with all that runs in it bound as ours would be. */
async function prepareLab(
  { lab }: BenchFlags,
  cores: Cores | null,
  progress: Progress,
  signal: AbortSignal,
): Promise<Lab> {
  if (lab === null) {
    await downLab(LAB, progress);
    return (await upLab(LAB, { devices: 2 }, progress, signal)).lab;
  }
  const found = await requireLab(lab);
  if (cores !== null) await bindLab(found, cores.rest);
  return found;
}

async function report(
  samples: readonly Sample[],
  turns: readonly Turn[],
  machine: MachineFacts,
): Promise<boolean> {
  const made = figures(samples, turns);
  const told = toldFigures(samples, turns);
  const about = { machine, commit: await commitOf(), takenAt: new Date().toISOString() };
  const files = await writeResults(RESULTS, { ...about, figures: made, told, samples });
  const failures = failureLines(samples);
  const { good, lines } = conclude(made);
  const parts = [
    ['', ...movesTable(samples)],
    failures.length > 0 ? ['', 'Did not succeed, and is in no median:', ...failures] : [],
    ['', ...figureLines(made)],
    ['', 'Beside them:', ...figureLines(told)],
    ['', ...lines, '', `Written: ${files.join(', ')}`],
  ];
  console.log(parts.flat().join('\n'));
  return good;
}
