import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import { decidePartRestart } from '../../core/partRestart.ts';
import { until } from '../../core/until.ts';
import type { Part } from './part.ts';

/** From a program's start to its first answer, milliseconds; PostgreSQL may have a long recovery. */
const READY_TIMEOUT_MS = 120_000;
/** How much of a log is shown for a part that was given up, characters. */
const WORDS_SHOWN = 1_200;
/** Each look is a request that the part may log. */
const LOOK_EVERY_MS = 100;
/** A log larger than this at a start is put aside, bytes; the one put aside before goes. */
const LARGEST_LOG = 10 * 1024 * 1024;

export interface RunningPart {
  name: string;
  /** Process id; null between an end and the next start. */
  pid(): number | null;
  /** Settles at the first readiness, or rejects when the part is given up. */
  ready: Promise<void>;
  /** Rejects when the part is given up, resolves after `stop`. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/** Keeps a part running until it is stopped or given up. `onChange` is called at every start, readiness and end. */
export function runPart(
  part: Part,
  log: string,
  say: (line: string) => void,
  onChange: () => void,
): RunningPart {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  let child: ChildProcess | null = null;
  let everReady = false;
  const ends: number[] = [];

  const runOnce = async (): Promise<string> => {
    const began = performance.now();
    await part.prepare();
    stopping.signal.throwIfAborted();
    const started = await start(part, log);
    child = started;
    onChange();
    const ended = endOf(started);
    const stopNow = () => void end(started, part, say);
    if (stopping.signal.aborted) stopNow();
    else stopping.signal.addEventListener('abort', stopNow, { once: true });
    void ended.then(() => stopping.signal.removeEventListener('abort', stopNow));
    if (await becomesReady(part, started, ended, say)) {
      everReady = true;
      first.resolve();
      say(`${part.name} is ready (${((performance.now() - began) / 1000).toFixed(1)} s)`);
      onChange();
    }
    return ended;
  };

  const keep = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const how = await runOnce().catch((error: unknown) => `did not start: ${(error as Error).message}`);
      child = null;
      onChange();
      if (stopping.signal.aborted) return;
      ends.push(performance.now());
      const decision = decidePartRestart({ ends, everReady });
      if (decision.action === 'giveUp') throw await givenUp(part, `${how}; ${decision.reason}`, log);
      say(`${part.name} ${how}; starting it again in ${decision.delayMs} ms (${decision.reason})`);
      await wait(decision.delayMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };

  const ended = keep();
  ended.then(() => first.reject(new Error(`${part.name} was stopped before it was ready`)), first.reject);
  first.promise.catch(() => {});
  return {
    name: part.name,
    pid: () => child?.pid ?? null,
    ready: first.promise,
    ended,
    async stop() {
      stopping.abort();
      await ended.catch(() => {});
    },
  };
}

/** False when it ended before, or was killed because it never got ready. */
async function becomesReady(
  part: Part,
  child: ChildProcess,
  ended: Promise<string>,
  say: (line: string) => void,
) {
  const look = () => !isRunning(child) || part.isReady().catch(() => false);
  const getReady = async () => {
    await until(`${part.name} to be ready`, READY_TIMEOUT_MS, look, LOOK_EVERY_MS);
    if (isRunning(child)) await part.afterReady?.();
  };
  try {
    await Promise.race([getReady(), ended]);
  } catch (error) {
    say(`${part.name}: ${(error as Error).message}`);
    child.kill('SIGKILL');
    await ended;
  }
  return isRunning(child);
}

/** Each part in a session of its own: a Ctrl-C of the terminal reaches the supervisor alone, which ends them in order. */
async function start(part: Part, log: string): Promise<ChildProcess> {
  const { file, args, env } = part.command();
  const size = await stat(log).then(
    ({ size }) => size,
    () => 0,
  );
  if (size > LARGEST_LOG) await rename(log, `${log}.1`);
  const output = await open(log, 'a', 0o600);
  const words = ['--pdeathsig', part.orphanSignal.replace('SIG', ''), '--', file, ...args];
  const child = spawn('setpriv', words, {
    cwd: '/',
    env,
    stdio: ['ignore', output.fd, output.fd],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  await output.close();
  return child;
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with ${code}` : `was ended by ${signal}`),
    );
  });
}

async function end(child: ChildProcess, part: Part, say: (line: string) => void): Promise<void> {
  const ended = endOf(child);
  child.kill(part.stopSignal);
  const timer = setTimeout(() => {
    say(`${part.name} did not end within ${part.stopTimeoutMs / 1000} s; killing it`);
    child.kill('SIGKILL');
  }, part.stopTimeoutMs);
  if (isRunning(child)) await ended;
  clearTimeout(timer);
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function givenUp(part: Part, why: string, log: string): Promise<DrayageError> {
  const words = (await readFile(log, 'utf8').catch(() => '')).trim().slice(-WORDS_SHOWN);
  return new DrayageError({
    code: 'partGivenUp',
    message: `${part.name} ${why}. Its last words: ${words}`,
    mend: `All of its words are in ${log}.`,
  });
}
