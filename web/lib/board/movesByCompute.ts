import { hasEnded } from '../migration/describeMove.ts';
import type { Compute, Migration } from '../state/collections.ts';

type Member = Pick<Compute, 'id' | 'name' | 'group'>;

/** A compute that is on its way to a device. */
export interface Arrival {
  compute: { id: string; name: string };
  move: Migration;
}

/**
 * The moves under way by the computes that they move. The record of a move names one compute; the others of its group move
 * with it.
 */
export function movesByCompute(
  migrations: readonly Migration[],
  computes: readonly Member[],
): ReadonlyMap<string, Migration> {
  const moves = new Map(
    migrations.filter((move) => !hasEnded(move)).map((move) => [move.compute.id, move] as const),
  );
  if (moves.size === 0) return moves;
  const byGroup = new Map<string, Migration>();
  for (const { id, group } of computes) {
    const move = moves.get(id);
    if (move) byGroup.set(group, move);
  }
  for (const { id, group } of computes) {
    const move = byGroup.get(group);
    if (move) moves.set(id, move);
  }
  return moves;
}

/** Who is on the way, by the device that they go to. */
export function arrivalsByDevice(
  moves: ReadonlyMap<string, Migration>,
  computes: readonly Member[],
): ReadonlyMap<string, readonly Arrival[]> {
  const names = new Map(moves.size === 0 ? [] : computes.map(({ id, name }) => [id, name]));
  const arrivals = [...moves].map(([id, move]) => ({
    compute: { id, name: names.get(id) ?? move.compute.name },
    move,
  }));
  return Map.groupBy(arrivals, ({ move }) => move.target.id);
}
