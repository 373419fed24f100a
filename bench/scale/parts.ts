import { readFile, readdir } from 'node:fs/promises';
import { DrayageError } from '../../core/cause.ts';
import { measureMemory } from '../../device/memory/measureMemory.ts';
import { readControlPlane } from '../../lab/control.ts';
import { fakesProcess } from '../../lab/fakes.ts';
import type { Lab } from '../../lab/state.ts';
import type { Use } from './step.ts';

/** USER_HZ, proc(5). */
const TICKS = 100;

/** Process ids by name: those of the control plane, and the one of all fake devices. */
export type Parts = Record<string, number>;

/** @throws DrayageError notRunning */
export async function partsOf(lab: Lab): Promise<Parts> {
  const [control, fakes] = await Promise.all([readControlPlane(lab), fakesProcess(lab)]);
  if (control === null || fakes === null)
    throw new DrayageError({
      code: 'notRunning',
      message: 'The control plane or the fake devices do not run any more.',
      mend: `See ${lab.paths.controlLog} and ${lab.paths.fakesLog}.`,
    });
  return { ...control.parts, fakes };
}

/** What each part has used of the processors since its start, seconds. */
export async function cpuOf(parts: Parts): Promise<Record<string, number>> {
  const tree = await readTree();
  const all = Object.entries(parts).map(async ([name, pid]) => {
    const seconds = await Promise.all(descendants(tree, pid).map(cpuSeconds));
    return [name, seconds.reduce((sum, one) => sum + one, 0)] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

/** What each part has used since `before`, and the memory that it has now. */
export async function usesSince(parts: Parts, before: Record<string, number>): Promise<Record<string, Use>> {
  const [after, tree] = [await cpuOf(parts), await readTree()];
  const uses = Object.entries(parts).map(async ([name, pid]): Promise<[string, Use]> => {
    const { residentBytes } = await measureMemory(descendants(tree, pid));
    return [name, { cpuSeconds: (after[name] ?? 0) - (before[name] ?? 0), memoryBytes: residentBytes }];
  });
  return Object.fromEntries(await Promise.all(uses));
}

/** Of a process, and of those children of its that have ended. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = await statOf(pid);
  return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field] ?? 0), 0) / TICKS;
}

/** The parent of every process. */
async function readTree(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    parents.set(Number(entry), Number((await statOf(Number(entry)))[1] ?? 0));
  }
  return parents;
}

/** A process and all that descend from it: PostgreSQL has one for each connection. */
function descendants(parents: ReadonlyMap<number, number>, root: number): number[] {
  const tree = [root];
  for (const one of tree) for (const [pid, parent] of parents) if (parent === one) tree.push(pid);
  return tree;
}

/** Fields of /proc/PID/stat from the third on (proc(5)): the second may hold anything. None of one that has gone. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}
