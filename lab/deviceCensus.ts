import { readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { partProcess } from './device.ts';
import { deviceInit, fileOnDevice, requireDevice } from './deviceProcess.ts';
import { cgroupsOf, processesIn } from './machine/cgroup.ts';
import type { Lab } from './state.ts';

/** Where programs of a device leave things that do not outlive it. */
const RUNTIME_DIRECTORIES = ['/run/drayage', '/dev/shm', '/tmp'];

/** What there is on one device, counted: the same before and after something that must leave nothing behind. */
export interface DeviceCensus {
  mounts: number;
  /** Network, mount and pid namespaces that the device's processes are in. */
  namespaces: number;
  processes: number;
  cgroups: number;
  /** Cards in the device's own network namespace. */
  cards: number;
  /** Open files of the node worker; 0 when it does not run. */
  workerFiles: number;
  /** Files below the runtime directories, by path. */
  files: string[];
}

/** Counts what there is on a device that is on. */
export async function takeDeviceCensus(lab: Lab, device: string): Promise<DeviceCensus> {
  requireDevice(lab, device);
  const init = await deviceInit(lab, device);
  const cgroup = `${lab.names.cgroup}/${device}`;
  const pids = await processesIn(cgroup);
  const worker = await partProcess(lab, device, 'worker');
  const files = await Promise.all(
    RUNTIME_DIRECTORIES.map(async (directory) =>
      filesBelow(await fileOnDevice(lab, device, directory), directory),
    ),
  );
  return {
    mounts: (await readFile(`/proc/${init?.pid}/mountinfo`, 'utf8')).trimEnd().split('\n').length,
    namespaces: await countNamespaces(pids),
    processes: pids.length,
    cgroups: (await cgroupsOf(cgroup)).length,
    cards: (await readFile(`/proc/${init?.pid}/net/dev`, 'utf8')).trimEnd().split('\n').length - 2,
    workerFiles: worker === null ? 0 : (await readdir(`/proc/${worker}/fd`)).length,
    files: files.flat().sort(),
  };
}

async function countNamespaces(pids: number[]): Promise<number> {
  const links = pids.flatMap((pid) => ['net', 'mnt', 'pid'].map((kind) => `/proc/${pid}/ns/${kind}`));
  const found = await Promise.all(links.map((link) => readlink(link).catch(() => null)));
  return new Set(found.filter((one) => one !== null)).size;
}

async function filesBelow(directory: string, shownAs: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(shownAs, entry.parentPath.slice(directory.length), entry.name));
}
