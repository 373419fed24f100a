import { inArray } from 'drizzle-orm';
import type { Cause } from '../../core/cause.ts';
import type { Candidate } from '../../core/choosePlacement.ts';
import type { Database } from '../database.ts';
import { type DeviceRow, deviceState } from '../devices.ts';
import { newestSamples } from '../metrics.ts';
import { imageLocation } from '../schema/index.ts';
import { type Claims, readClaims } from './claims.ts';

/** What was told longer ago is not what is used now. */
const LOAD_SECONDS = 60;

export interface CandidateOptions {
  /** Evacuations whose plans claim nothing. */
  without?: readonly string[];
  against?: ((row: DeviceRow) => Cause[]) | undefined;
}

/** Devices as placement's filters look at them: what they have free is without what others have claimed. */
export async function readCandidates(
  db: Database,
  devices: readonly DeviceRow[],
  { without = [], against }: CandidateOptions = {},
): Promise<Candidate[]> {
  const claims = await readClaims(db, without);
  return devices.map((row) => ({ ...asCandidate(row, claims), against: against?.(row) ?? [] }));
}

export interface ScoringOptions extends CandidateOptions {
  /** Digests of images that matter. */
  images: readonly string[] | undefined;
  /** What the link from the source carries, bytes a second, by the id of its other end. */
  links?: ReadonlyMap<string, number> | undefined;
}

/** The same, with what speaks for one rather than another. */
export async function readScoredCandidates(
  db: Database,
  devices: readonly DeviceRow[],
  { images = [], links, ...options }: ScoringOptions,
): Promise<Candidate[]> {
  const ids = devices.map(({ id }) => id);
  const [candidates, loads, places] = await Promise.all([
    readCandidates(db, devices, options),
    newestSamples(db, ids, LOAD_SECONDS),
    imagePlaces(db, images),
  ]);
  return candidates.map((candidate, index) => {
    const { id } = candidate;
    const cpus = devices[index]?.inventory.cpus ?? 0;
    const used = loads.get(id)?.cpus;
    return {
      ...candidate,
      cpuLoad: used === undefined || cpus < 1 ? null : Math.min(1, used / cpus),
      images: places.get(id) ?? new Set<string>(),
      linkBytesPerSecond: links?.get(id) ?? null,
    };
  });
}

function asCandidate(row: DeviceRow, claims: Claims): Candidate {
  const { memoryAvailableBytes, diskAvailableBytes, architecture } = row.inventory;
  const claimed = claims.room.get(row.id) ?? { memoryBytes: 0, diskBytes: 0 };
  return {
    ...{ id: row.id, name: row.name, state: deviceState(row) },
    memoryAvailableBytes: memoryAvailableBytes - claimed.memoryBytes,
    diskAvailableBytes: diskAvailableBytes - claimed.diskBytes,
    ...{ architecture, location: row.location, labels: row.labels },
    apart: claims.apart.get(row.id) ?? [],
  };
}

/** Which of these images each device has. */
async function imagePlaces(db: Database, digests: readonly string[]): Promise<Map<string, Set<string>>> {
  const places = new Map<string, Set<string>>();
  if (digests.length === 0) return places;
  const rows = await db
    .select()
    .from(imageLocation)
    .where(inArray(imageLocation.digest, [...digests]));
  for (const { deviceId, digest } of rows) {
    const there = places.get(deviceId) ?? new Set<string>();
    places.set(deviceId, there.add(digest));
  }
  return places;
}
