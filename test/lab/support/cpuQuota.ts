import { readFile } from 'node:fs/promises';
import { findCgroup } from '../../../device/checkpoint/cgroup.ts';
import type { Lab } from '../../../lab/state.ts';
import { findProcesses } from '../liveCopies.ts';

/** What the kernel lets the processes with `marker` in their environment have of the processors, in its own words. */
export async function cpuQuota(lab: Lab, marker: string): Promise<string> {
  const [found] = await findProcesses(lab, marker);
  const cgroup = found ? await findCgroup(found.pid, 'cpu') : null;
  if (cgroup === null) throw new Error(`no process with ${marker} has a share of the processors`);
  const file = cgroup.version === 1 ? 'cpu.cfs_quota_us' : 'cpu.max';
  return (await readFile(`${cgroup.directory}/${file}`, 'utf8')).trim();
}
