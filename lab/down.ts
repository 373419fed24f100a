import { waitForLock } from '../device/processLock.ts';
import { stopControlPlane } from './control.ts';
import { unmountGuests } from './guest/guestFiles.ts';
import { cgroupsOf, killCgroup, processesIn, removeCgroup, signal } from './machine/cgroup.ts';
import { releaseLoops } from './machine/disk.ts';
import { processesInNetworks } from './machine/processes.ts';
import { until } from '../core/until.ts';
import { labNamespaces, labNetworkIdentities, removeNetwork } from './network.ts';
import type { Progress } from './progress.ts';
import { listLabs, paths, removeLab } from './state.ts';
import { cgroupOf, labNameSchema } from './topology.ts';

/** Lock of one lab: `up`, `down`, and whatever changes its record. */
export function labLock(name: string): string {
  return `lab/${name}`;
}

/** Removes a lab and all of its traces, from any state. Resolves with false when there was none. */
export async function downLab(name: string, progress: Progress): Promise<boolean> {
  labNameSchema.parse(name);
  const lock = await waitForLock(labLock(name), ({ pid }) =>
    progress.say(`waiting for process ${pid}, which works on lab '${name}'`),
  );
  try {
    return await clearLab(name, progress);
  } finally {
    await lock.release();
  }
}

/** As `downLab`, for who holds the lab's lock already. Needs nothing but the name: a crash may have left anything. */
export async function clearLab(name: string, progress: Progress): Promise<boolean> {
  if (!(await hasTraces(name))) return false;
  const { root } = paths(name);
  await progress.step(`stopping the control plane of lab '${name}'`, () => stopControlPlane(name));
  await progress.step(`ending the processes of lab '${name}'`, async () => {
    await killCgroup(cgroupOf(name));
    await killInNetworks(name);
  });
  await progress.step(`removing the network, disks and files of lab '${name}'`, async () => {
    await removeNetwork(name);
    // Before the folder is removed, or the guests' files would be.
    await unmountGuests(root);
    await releaseLoops(root);
    await removeCgroup(cgroupOf(name));
    await removeLab(name);
  });
  return true;
}

async function hasTraces(name: string): Promise<boolean> {
  const [labs, namespaces, cgroups] = await Promise.all([
    listLabs(),
    labNamespaces(name),
    cgroupsOf(cgroupOf(name)),
  ]);
  return labs.includes(name) || namespaces.length > 0 || cgroups.length > 0;
}

/** Whether anything of the lab runs. */
export async function hasProcesses(name: string): Promise<boolean> {
  return (await processesIn(cgroupOf(name))).length > 0;
}

/** Programs that someone started in the lab's networks by other ways than ours. */
async function killInNetworks(name: string): Promise<void> {
  const networks = await labNetworkIdentities(name);
  if (networks.size === 0) return;
  await until(`the processes in the networks of lab '${name}' to end`, 10_000, async () => {
    const pids = await processesInNetworks(networks);
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids.length === 0;
  });
}
