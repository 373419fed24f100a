import {
  type Candidate,
  choosePlacement,
  DEFAULT_MEMORY_BYTES,
  type Demand,
  deviceCauses,
} from '../core/choosePlacement.ts';
import { type Cause, RefusedError } from '../core/cause.ts';
import { classCauses } from '../core/checkCompatibility.ts';
import { deviceClass } from '../core/deviceClass.ts';
import type { ComputeRecord } from '../db/computes.ts';
import type { Database } from '../db/database.ts';
import { allDevices, type DeviceRow, deviceState } from '../db/devices.ts';

/** What a compute with this limit and image needs of a device. */
export function demandOf(memoryBytes: number | undefined, imageBytes: number): Demand {
  // Archive and unpacked layers are about the same, and both lie there while the image is loaded.
  return { memoryBytes: memoryBytes ?? DEFAULT_MEMORY_BYTES, diskBytes: 2 * imageBytes };
}

/** What the computes of a group need all together. */
export function demandOfGroup(group: readonly ComputeRecord[]): Demand {
  const demands = group.map(({ spec, imageBytes }) => demandOf(spec.memoryBytes, imageBytes));
  const sum = (of: (demand: Demand) => number) => demands.reduce((total, demand) => total + of(demand), 0);
  return { memoryBytes: sum(({ memoryBytes }) => memoryBytes), diskBytes: sum(({ diskBytes }) => diskBytes) };
}

export function candidate(row: DeviceRow, against: Cause[] = []): Candidate {
  const { memoryAvailableBytes, diskAvailableBytes } = row.inventory;
  const state = deviceState(row);
  return { id: row.id, name: row.name, state, memoryAvailableBytes, diskAvailableBytes, against };
}

/** What stands against a device besides its state and its room. */
type Against = (row: DeviceRow) => Cause[];

/**
 * The device that shall have a compute, and why. @throws RefusedError with the causes of all that were looked at
 */
export async function chooseDevice(
  db: Database,
  demand: Demand,
  against: Against = () => [],
  without: string[] = [],
): Promise<{ device: Candidate; reason: string }> {
  const devices = await allDevices(db);
  const candidates = devices.map((device) => candidate(device, against(device)));
  const decision = choosePlacement(candidates, demand, without);
  if (decision.action === 'refuse') throw new RefusedError(decision.causes);
  return decision;
}

/** As `chooseDevice`, for a compute that runs on `source`: only where it can move to. */
export function chooseTarget(
  db: Database,
  demand: Demand,
  source: DeviceRow,
): Promise<{ device: Candidate; reason: string }> {
  return chooseDevice(db, demand, againstMoving(source), [source.id]);
}

/** @throws RefusedError with every cause why this device cannot have a compute */
export function requireDevice(row: DeviceRow, demand: Demand): void {
  requireNone(deviceCauses(candidate(row), demand));
}

export function requireNone(causes: Cause[]): void {
  const [first, ...others] = causes;
  if (first) throw new RefusedError([first, ...others]);
}

/** What forbids a move from this device to another; worked out once for each class of devices. */
export function againstMoving(source: DeviceRow): Against {
  const from = deviceClass(source.inventory);
  const known = new Map<string | null, Cause[]>();
  return ({ classId, inventory }) => {
    const causes = known.get(classId) ?? classCauses(from, deviceClass(inventory));
    if (classId !== null) known.set(classId, causes);
    return causes;
  };
}
