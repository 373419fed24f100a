import { measureMemory } from '../device/memory/measureMemory.ts';
import { usedBytes } from '../device/usedBytes.ts';
import { fileOnDevice } from '../lab/deviceProcess.ts';
import { processesIn } from '../lab/machine/cgroup.ts';
import type { Lab } from '../lab/state.ts';
import { findProcesses } from './cores.ts';

/** Between two looks, milliseconds. A look reads a few files of /proc per process. */
const LOOK_MS = 250;
/** Where Drayage keeps pages and CRIU's images: on tmpfs, which is memory too. */
const STORES = ['/run/drayage/images', '/run/drayage/pages'];

/** Bytes, at one moment. */
export interface DeviceMemory {
  /** Proportional set size of the node worker and all that it has started. */
  worker: number;
  /** Of Drayage's file systems in memory. */
  stores: number;
  /** Proportional set size of the workload's processes. */
  program: number;
}

/** What Drayage and the workload have in memory on a device. */
export async function lookAtMemory(lab: Lab, device: string, program: string): Promise<DeviceMemory> {
  const cgroup = `${lab.names.cgroup}/${device}`;
  const workers = await measureMemory(await processesIn(`${cgroup}/worker`));
  const programs = await measureMemory(await findProcesses(cgroup, program));
  const stores = await Promise.all(
    STORES.map(async (path) => usedBytes(await fileOnDevice(lab, device, path))),
  );
  return {
    worker: workers.residentBytes,
    stores: stores.reduce((sum, bytes) => sum + bytes, 0),
    program: programs.residentBytes,
  };
}

/** Looks again and again until the returned function is called, which resolves with all that was seen. */
export function watchMemory(lab: Lab, device: string, program: string): () => Promise<DeviceMemory[]> {
  const seen: DeviceMemory[] = [];
  let watching = true;
  const watch = async () => {
    while (watching) {
      seen.push(await lookAtMemory(lab, device, program));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  const done = watch();
  return async () => {
    watching = false;
    await done;
    return seen;
  };
}
