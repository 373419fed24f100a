import { type Candidate, choosePlacement, type Demand, deviceCauses } from '../core/choosePlacement.ts';
import { type Cause, RefusedError } from '../core/cause.ts';
import type { Database } from '../db/database.ts';
import { allDevices, type DeviceRow } from '../db/devices.ts';
import { readCandidates, readScoredCandidates } from '../db/planning/candidates.ts';
import { betweenDevices } from '../db/planning/world.ts';
import { linkSpeeds } from '../db/moveHistory.ts';
import type { ApiContext } from './context.ts';

/**
 * The device that shall have a compute, new or moved from `source`, and why. Who records a compute or a move there holds the
 * placing lock.
 * @throws RefusedError with the causes of all that were looked at
 */
export async function chooseDevice(
  { db, config }: Pick<ApiContext, 'db' | 'config'>,
  demand: Demand,
  { source, against }: { source?: DeviceRow; against?: (row: DeviceRow) => Cause[] } = {},
): Promise<{ device: Candidate; reason: string }> {
  const devices = await allDevices(db);
  const between = betweenDevices(devices);
  const candidates = await readScoredCandidates(db, devices, {
    images: demand.images,
    against: against ?? (source && (({ id }) => between(source.id, id))),
    links: source && (await linkSpeeds(db, source.id)),
  });
  const options = { without: source ? [source.id] : [], strategy: config.placement };
  const decision = choosePlacement(candidates, demand, options);
  if (decision.action === 'refuse') throw new RefusedError(decision.causes);
  return decision;
}

/** @throws RefusedError with every cause why this device cannot have a compute */
export async function requireDevice(db: Database, row: DeviceRow, demand: Demand): Promise<Candidate> {
  const [candidate] = await readCandidates(db, [row]);
  if (!candidate) throw new Error('a device that was read is no candidate');
  requireNone(deviceCauses(candidate, demand));
  return candidate;
}

export function requireNone(causes: Cause[]): void {
  const [first, ...others] = causes;
  if (first) throw new RefusedError([first, ...others]);
}
