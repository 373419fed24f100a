import {
  type Candidate,
  choosePlacement,
  DEFAULT_MEMORY_BYTES,
  type Demand,
  deviceCauses,
} from '../core/choosePlacement.ts';
import { type Cause, RefusedError } from '../core/cause.ts';
import type { Database } from '../db/database.ts';
import { allDevices, type DeviceRow, deviceState } from '../db/devices.ts';

/** What a compute with this limit and image needs of a device. */
export function demandOf(memoryBytes: number | undefined, imageBytes: number): Demand {
  // Archive and unpacked layers are about the same, and both lie there while the image is loaded.
  return { memoryBytes: memoryBytes ?? DEFAULT_MEMORY_BYTES, diskBytes: 2 * imageBytes };
}

export function candidate(row: DeviceRow): Candidate {
  const { memoryAvailableBytes, diskAvailableBytes } = row.inventory;
  return { id: row.id, name: row.name, state: deviceState(row), memoryAvailableBytes, diskAvailableBytes };
}

/** The device that shall have a compute, and why. @throws RefusedError with the causes of all that were looked at */
export async function chooseDevice(
  db: Database,
  demand: Demand,
  without: string[] = [],
): Promise<{ device: Candidate; reason: string }> {
  const decision = choosePlacement((await allDevices(db)).map(candidate), demand, without);
  if (decision.action === 'refuse') throw new RefusedError(decision.causes);
  return decision;
}

/** @throws RefusedError with every cause why this device cannot have a compute */
export function requireDevice(row: DeviceRow, demand: Demand): void {
  requireNone(deviceCauses(candidate(row), demand));
}

export function requireNone(causes: Cause[]): void {
  const [first, ...others] = causes;
  if (first) throw new RefusedError([first, ...others]);
}
