import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** How a process ended; `said` is the end of what it wrote to stderr. */
export interface Ended {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  said: string;
  /** Every line on stderr was one that `harmless` expects. */
  onlyHarmless: boolean;
}

export interface RunningProcess {
  stdin: Writable;
  stdout: Readable;
  /** Never rejects; a program that could not be started has exit code null and says why. */
  ended: Promise<Ended>;
  /** Ends it and what it started. */
  kill(): void;
}

/** More of stderr is not kept. */
const SAID_BYTES = 2000;

/** Messages are matched, so they must be in one language. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/**
 * Starts a program in a process group of its own, with all three streams as pipes.
 *
 * @param options.harmless lines of stderr that do not count as a failure
 */
export function startProcess(
  program: string,
  args: readonly string[],
  options: { harmless?: RegExp; cwd?: string } = {},
): RunningProcess {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: ENVIRONMENT,
    cwd: options.cwd,
  });
  // A reader that went away shows as an exit code; the pipe's own error would only repeat it.
  child.stdin.on('error', () => {});
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended: end(child, options.harmless ?? /^$/),
    kill: () => killGroup(child.pid),
  };
}

/** A program that waits for `release()` before it begins: all that is left to do then is an `exec`. */
export function startHeld(program: string, args: readonly string[]): RunningProcess & { release(): void } {
  const running = startProcess('/bin/sh', ['-c', 'read -r _ && exec "$@"', 'sh', program, ...args]);
  return { ...running, release: () => running.stdin.end('\n') };
}

function end(child: ChildProcessByStdio<Writable, Readable, Readable>, harmless: RegExp): Promise<Ended> {
  let said = '';
  let onlyHarmless = true;
  createInterface({ input: child.stderr }).on('line', (line) => {
    // What matters must not be pushed out by what does not.
    if (onlyHarmless && !harmless.test(line)) {
      onlyHarmless = false;
      said = '';
    } else if (!onlyHarmless && harmless.test(line)) return;
    said = (said ? `${said}\n${line}` : line).slice(-SAID_BYTES);
  });
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve({ exitCode: null, signal: null, said: error.message, onlyHarmless: false }),
    );
    // `close` (not `exit`): all that it wrote has been read.
    child.once('close', (exitCode, signal) =>
      resolve({ exitCode, signal, said: said.split('\n').slice(-3).join('; '), onlyHarmless }),
    );
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
