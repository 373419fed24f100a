/** `npm run demo`: live moves of the sample application in a lab of its own, while a client talks to it. */
import { constants } from 'node:os';
import { DrayageError } from '../../core/cause.ts';
import { tryLock, type ProcessLock } from '../../device/processLock.ts';
import { requireLab } from '../state.ts';
import { untilAborted } from './abortable.ts';
import { isGood, type DemoFigures } from './figures.ts';
import { parseFlags, USAGE, type DemoFlags } from './parseFlags.ts';
import { DEMO_LAB, invitation, removeDemo, runDemo } from './runDemo.ts';
import { Screen } from './screen.ts';

const Exit = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

process.exit(await main(process.argv.slice(2)));

async function main(args: string[]): Promise<number> {
  let flags: DemoFlags;
  try {
    flags = parseFlags(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return Exit.usage;
  }
  if (flags.help) {
    process.stdout.write(USAGE);
    return Exit.done;
  }
  const lock = await tryLock('demo');
  if ('pid' in lock) {
    process.stderr.write(
      `Another demo is running (process ${lock.pid}). End it with Ctrl-C, or wait for it.\n`,
    );
    return Exit.refused;
  }
  return alone(flags, lock);
}

/** The demo with its clean-up, however it ends. */
async function alone(flags: DemoFlags, lock: ProcessLock): Promise<number> {
  const screen = new Screen(flags.json ? process.stderr : process.stdout);
  const stopped = onStop(() => screen.line('Stopping; removing all that was made.'));
  let figures: DemoFigures | null = null;
  let code: number;
  try {
    figures = await runDemo(flags, screen, stopped.signal);
    code = isGood(figures) ? Exit.done : Exit.failed;
    if (!flags.once) await stay(flags, figures, screen, stopped.signal);
  } catch (error) {
    code = stopped.exitCode ?? Exit.failed;
    if (stopped.exitCode === null) screen.lines(['The demo failed:', ...wordsOf(error)]);
  }
  try {
    const left = await removeDemo(screen);
    screen.line(
      left.length === 0 ? 'All of it is removed; nothing is left.' : `Not removed: ${left.join(', ')}.`,
    );
    if (left.length > 0) code = Exit.failed;
  } catch (error) {
    screen.lines([
      'Not all could be removed:',
      ...wordsOf(error),
      `Try: npx drayage lab down --name ${DEMO_LAB}`,
    ]);
    code = Exit.failed;
  }
  if (flags.json && flags.once && figures !== null) process.stdout.write(`${JSON.stringify(figures)}\n`);
  await lock.release();
  return code;
}

async function stay(
  flags: DemoFlags,
  figures: DemoFigures,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  screen.lines(await invitation(await requireLab(DEMO_LAB)));
  if (flags.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  await untilAborted(signal);
}

interface Stopped {
  signal: AbortSignal;
  /** Of a run that a signal ended; null when none came. */
  readonly exitCode: number | null;
}

/** The first SIGINT, SIGTERM or SIGHUP stops the run, and so does a reader of the output that went away. */
function onStop(say: () => void): Stopped {
  const controller = new AbortController();
  let exitCode: number | null = null;
  const stop = (code: number) => {
    if (exitCode !== null) return;
    exitCode = code;
    say();
    controller.abort(new Error('Stopped.'));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop(128 + constants.signals[signal]));
  }
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop(Exit.failed));
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}

function wordsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  return [`  ${error instanceof DrayageError ? error.message : (error.stack ?? error.message)}`];
}
