import type { Cause } from './cause.ts';
import type { DeviceState } from './device.ts';

/** What is looked at of a device that might take a compute. */
export interface Candidate extends Room {
  id: string;
  name: string;
  state: DeviceState;
  /** What else speaks against it. */
  against?: Cause[];
}

/** What a device has free. */
export interface Room {
  memoryAvailableBytes: number;
  diskAvailableBytes: number;
}

/** What a compute needs of its device. */
export interface Demand {
  /** Its limit, or what it is taken to need without one. */
  memoryBytes: number;
  /** Of its image and files. */
  diskBytes: number;
}

/** Taken for a compute without a memory limit, bytes. */
export const DEFAULT_MEMORY_BYTES = 64 * 2 ** 20;

/** Left to the device itself: its engine and its worker need some, bytes. */
export const RESERVED_MEMORY_BYTES = 64 * 2 ** 20;
export const RESERVED_DISK_BYTES = 128 * 2 ** 20;

const MIB = 2 ** 20;

/** Why a device cannot take a compute; empty when it can. */
export function deviceCauses(device: Candidate, demand: Demand): Cause[] {
  const causes: Cause[] = [];
  if (device.state === 'unreachable') {
    causes.push({
      code: 'deviceUnreachable',
      message: `Device ${device.name} does not answer.`,
      mend: 'Look at the device and its network, or choose another; `drayage device ls` shows them.',
    });
  } else if (device.state !== 'ready') {
    causes.push({
      code: 'deviceNotReady',
      message: `Device ${device.name} is ${device.state}.`,
      mend:
        device.state === 'pending' || device.state === 'discovered'
          ? 'Approve it with `drayage device approve`.'
          : 'Choose another device, or uncordon it.',
    });
  }
  causes.push(...(device.against ?? []));
  const { memoryBytes, diskBytes } = roomOf(device);
  if (memoryBytes < demand.memoryBytes)
    causes.push(shortage('outOfMemory', device.name, 'memory', demand.memoryBytes, memoryBytes));
  if (diskBytes < demand.diskBytes)
    causes.push(shortage('outOfDisk', device.name, 'disk', demand.diskBytes, diskBytes));
  return causes;
}

/** What a device can give to computes. */
function roomOf({ memoryAvailableBytes, diskAvailableBytes }: Room): Demand {
  return {
    memoryBytes: memoryAvailableBytes - RESERVED_MEMORY_BYTES,
    diskBytes: diskAvailableBytes - RESERVED_DISK_BYTES,
  };
}

/** Whether a device has room for a compute. */
export function hasRoom(device: Room, demand: Demand): boolean {
  const { memoryBytes, diskBytes } = roomOf(device);
  return memoryBytes >= demand.memoryBytes && diskBytes >= demand.diskBytes;
}

function shortage(code: string, name: string, what: string, needed: number, free: number): Cause {
  const mib = (bytes: number) => String(Math.max(0, Math.round(bytes / MIB)));
  return {
    code,
    message: `Device ${name} has ${mib(free)} MiB of ${what} to give, and ${mib(needed)} MiB are needed.`,
    mend: `Choose another device, or free ${what} on it.`,
  };
}

export type PlacementDecision =
  | { action: 'place'; device: Candidate; reason: string }
  | { action: 'refuse'; causes: [Cause, ...Cause[]]; reason: string };

/** Chooses the ready device with the most available memory among those that can take the compute. */
export function choosePlacement(
  devices: Candidate[],
  demand: Demand,
  without: string[] = [],
): PlacementDecision {
  const possible = devices.filter(({ id }) => !without.includes(id));
  const fit = possible.filter((device) => deviceCauses(device, demand).length === 0);
  const [best] = fit.toSorted(
    (a, b) => b.memoryAvailableBytes - a.memoryAvailableBytes || a.name.localeCompare(b.name),
  );
  if (best) {
    const reason = `${best.name} has the most available memory of ${String(fit.length)} that can take it`;
    return { action: 'place', device: best, reason };
  }
  const first: Cause = {
    code: 'noDevice',
    message: possible.length === 0 ? 'There is no device for it.' : 'None of the devices can take it.',
    mend: 'Join or approve another device; `drayage device ls` shows them.',
  };
  return {
    action: 'refuse',
    causes: [first, ...possible.flatMap((device) => deviceCauses(device, demand))],
    reason: first.message,
  };
}
