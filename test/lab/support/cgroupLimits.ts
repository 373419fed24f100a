import { readFile } from 'node:fs/promises';
import { findCgroup } from '../../../device/checkpoint/cgroup.ts';
import type { Lab } from '../../../lab/state.ts';
import { findProcesses } from '../liveCopies.ts';

/** What the kernel lets the processes with `marker` in their environment have of the processors, in its own words. */
export function cpuQuota(lab: Lab, marker: string): Promise<string> {
  return limitOf(lab, marker, 'cpu', { 1: 'cpu.cfs_quota_us', 2: 'cpu.max' });
}

/** Most memory that the kernel gives the processes with `marker` in their environment, bytes. */
export async function memoryLimit(lab: Lab, marker: string): Promise<number> {
  return Number(await limitOf(lab, marker, 'memory', { 1: 'memory.limit_in_bytes', 2: 'memory.max' }));
}

async function limitOf(
  lab: Lab,
  marker: string,
  controller: string,
  files: Record<1 | 2, string>,
): Promise<string> {
  const [found] = await findProcesses(lab, marker);
  const cgroup = found ? await findCgroup(found.pid, controller) : null;
  if (cgroup === null) throw new Error(`no process with ${marker} has a cgroup for ${controller}`);
  return (await readFile(`${cgroup.directory}/${files[cgroup.version]}`, 'utf8')).trim();
}
