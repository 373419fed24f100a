import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** A process on this device whose environment holds a given variable. */
export interface HelperProcess {
  pid: number;
  comm: string;
  value: string;
}

/** Processes that carry `variable` in their environment; one that ends meanwhile is left out. */
export async function findByEnvironment(variable: string, value?: string): Promise<HelperProcess[]> {
  const found: HelperProcess[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    const entry = environment.split('\0').find((text) => text.startsWith(`${variable}=`));
    if (entry === undefined) continue;
    const actual = entry.slice(variable.length + 1);
    if (value !== undefined && actual !== value) continue;
    const comm = (await readFile(`/proc/${name}/comm`, 'utf8').catch(() => '')).trim();
    found.push({ pid: Number(name), comm, value: actual });
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
    const helpers = await findByEnvironment(variable, value);
    for (const { pid } of helpers.filter(({ comm }) => comm === 'criu')) {
      const channel = await readFile(`/proc/${pid}/wchan`, 'utf8').catch(() => '');
      if (/wait_for_partner|fifo_open/.test(channel)) return pid;
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
