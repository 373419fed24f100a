import { readFile } from 'node:fs/promises';
import { findFreezer, pidsOf } from './cgroupFreezer.ts';

/** What was started while others were being ended is ended too, so often. */
const SWEEPS = 20;

/** The parent of each process, by its pid; without those that have ended. */
export async function parentsOf(pids: number[]): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const parent = /^PPid:\t(\d+)/m.exec(status)?.[1];
    if (parent !== undefined) parents.set(pid, Number(parent));
  }
  return parents;
}

/** Of a compute's processes those that do not descend from its first one: what somebody runs inside it (exec). */
export function foreignOf(parents: ReadonlyMap<number, number>, init: number): number[] {
  return [...parents.keys()].filter((pid) => !descends(parents, pid, init));
}

/** Whether a process is `root` or comes from it. */
export function descends(parents: ReadonlyMap<number, number>, pid: number, root: number): boolean {
  let at: number | undefined = pid;
  // No line of descent is longer than there are processes, whatever was read of them.
  for (let step = 0; step <= parents.size && at !== undefined; step += 1) {
    if (at === root) return true;
    at = parents.get(at);
  }
  return false;
}

/** Whether something runs inside a compute that is not of its own tree of processes. `init` is its first process. */
export async function isForeignInside(init: number): Promise<boolean> {
  return foreignOf(await parentsOf(await pidsOf(await findFreezer(init))), init).length > 0;
}

/** Ends what runs inside a compute and is not of its own tree of processes. `init` is its first process on this device. */
export async function endForeign(init: number): Promise<void> {
  const freezer = await findFreezer(init);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const foreign = foreignOf(await parentsOf(await pidsOf(freezer)), init);
    if (foreign.length === 0) return;
    endProcesses(foreign);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Hangs up, and ends those that do not heed it. Those that have ended are no error. */
export function endProcesses(pids: number[]): void {
  for (const signal of ['SIGHUP', 'SIGKILL'] as const)
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
}
