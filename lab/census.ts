import { readFile, readdir } from 'node:fs/promises';
import { cgroupsOf, processesIn } from './machine/cgroup.ts';
import { loopsBelow } from './machine/disk.ts';
import { processesInNetworks } from './machine/processes.ts';
import { labNamespaces, labNetworkIdentities } from './network.ts';
import { LABS_DIRECTORY, paths } from './state.ts';
import { cgroupOf } from './topology.ts';

/** What a lab has on this machine, by name; all empty after `down`. */
export interface Census {
  namespaces: string[];
  /** Mount points of the lab that this process sees (those of devices are in their own namespaces, and end with them). */
  mounts: string[];
  processes: number[];
  loops: string[];
  cgroups: string[];
  files: string[];
}

export async function takeCensus(name: string): Promise<Census> {
  const inNetworks = processesInNetworks(await labNetworkIdentities(name));
  const inCgroups = processesIn(cgroupOf(name));
  const { root } = paths(name);
  return {
    namespaces: await labNamespaces(name),
    mounts: (await mountPoints()).filter((mount) => mount.startsWith(`${root}/`) || mount === root),
    processes: [...new Set([...(await inNetworks), ...(await inCgroups)])],
    loops: await loopsBelow(root),
    cgroups: await cgroupsOf(cgroupOf(name)),
    files: (await readdir(LABS_DIRECTORY).catch(() => [])).filter((entry) => entry === name),
  };
}

/** How many of each a census has. */
export function countCensus(census: Census): Record<keyof Census, number> {
  const entries = Object.entries<readonly unknown[]>({ ...census });
  return Object.fromEntries(entries.map(([kind, found]) => [kind, found.length])) as Record<
    keyof Census,
    number
  >;
}

async function mountPoints(): Promise<string[]> {
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  return mountinfo.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
}
