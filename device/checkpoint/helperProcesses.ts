import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { readOrEmpty } from '../readOrEmpty.ts';

/** A process on this device whose environment holds a given variable. */
export interface HelperProcess {
  pid: number;
  comm: string;
  value: string;
}

/**
 * Processes that carry `variable` in their environment, with this value and of this name when these are given; one that ends
 * meanwhile is left out. The many small files of the kernel are read at once: a promise for each takes ten times as long,
 * on processors that copy memory at that moment.
 */
export function findByEnvironment(variable: string, value?: string, name?: string): HelperProcess[] {
  const found: HelperProcess[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const comm = readOrEmpty(`/proc/${entry}/comm`).trim();
    if (name !== undefined && comm !== name) continue;
    const environment = readOrEmpty(`/proc/${entry}/environ`).split('\0');
    const actual = environment.find((text) => text.startsWith(`${variable}=`))?.slice(variable.length + 1);
    if (actual === undefined || (value !== undefined && actual !== value)) continue;
    found.push({ pid: Number(entry), comm, value: actual });
  }
  return found;
}

/** How often a helper's progress is looked at while it starts; outside the hot window, milliseconds. */
const POLL_MS = 5;

/**
 * Waits until CRIU, started with `variable=value` in its environment, waits at its gate: blocked in opening the pipe.
 * Resolves with its pid.
 * @throws when `failed` settles first, or after `deadlineMs`
 */
export async function criuAtGate(
  variable: string,
  value: string,
  failed: Promise<unknown>,
  deadlineMs: number,
): Promise<number> {
  const watched = { over: false };
  void failed.then(
    () => (watched.over = true),
    () => (watched.over = true),
  );
  const deadline = performance.now() + deadlineMs;
  while (!watched.over && performance.now() < deadline) {
    const began = performance.now();
    for (const { pid } of findByEnvironment(variable, value, 'criu')) {
      if (/wait_for_partner|fifo_open/.test(readOrEmpty(`/proc/${pid}/wchan`))) return pid;
    }
    // Where a look takes long, the program that is looked for needs the processor as well.
    await pause(Math.max(POLL_MS, performance.now() - began));
  }
  throw new Error(
    watched.over ? 'it ended before it reached its gate' : `it did not reach its gate in ${deadlineMs} ms`,
  );
}

/** Kills the processes and waits until they are gone. */
export async function endProcesses(processes: HelperProcess[]): Promise<void> {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      continue;
    }
  }
  for (const { pid } of processes) {
    while (await alive(pid)) await pause(POLL_MS);
  }
}

/** Running or stopped, but not a zombie. */
async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
}
