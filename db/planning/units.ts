import { and, asc, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import type { Cause } from '../../core/cause.ts';
import type { Demand } from '../../core/choosePlacement.ts';
import type { ComputeSpec, ComputeState } from '../../core/compute.ts';
import { demandOfGroup, demandOfMove } from '../../core/demand.ts';
import { movableCauses } from '../../core/movableCauses.ts';
import type { PastMove } from '../../core/predictMove.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import type { Database } from '../database.ts';
import { memoryOf, memorySamples, pastMovesOf } from '../moveHistory.ts';
import { compute, computeGroup, image, imageBlob, placement } from '../schema/index.ts';

/** Computes that move as one, and how they stand. */
export interface PlacedGroup {
  id: string;
  /** For a person. */
  name: string;
  /** Id of the device that it is on. */
  source: string;
  epoch: number;
  /** Of the workflow that changes it. */
  workflowId: string;
  computes: { id: string; name: string; state: ComputeState; spec: ComputeSpec }[];
  demand: Demand;
  /** What forbids to move it at all now. */
  against: Cause[];
  /** Whether any of it runs. */
  runs: boolean;
  /** Whether it changes by itself: it is being made or moved. */
  settling: boolean;
}

/** The same, with what tells what its move costs. */
export interface GroupUnit extends PlacedGroup {
  /** Null when not all have told. */
  usedBytes: number | null;
  past: PastMove[];
}

/** Groups with their computes: those on these devices, and those with these ids. Those of which nothing is left are left out. */
export async function readGroups(
  db: Database,
  { devices, groups }: { devices: readonly string[]; groups: readonly string[] },
): Promise<Map<string, PlacedGroup>> {
  const rows = await db
    .select({
      ...{ id: compute.id, name: compute.name, state: compute.state, spec: compute.spec },
      ...{ tenantId: compute.tenantId, groupId: compute.groupId, groupName: computeGroup.name },
      ...{ deviceId: placement.deviceId, epoch: placement.epoch, transferId: placement.transferId },
      imageBytes: sql<number>`coalesce(${imageBlob.bytes}, 0)`.mapWith(Number),
    })
    .from(compute)
    .innerJoin(computeGroup, eq(computeGroup.id, compute.groupId))
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .leftJoin(image, eq(image.id, compute.imageId))
    .leftJoin(imageBlob, eq(imageBlob.digest, image.digest))
    .where(
      and(
        isNull(compute.deletedAt),
        or(inArray(placement.deviceId, [...devices]), inArray(compute.groupId, [...groups])),
      ),
    )
    .orderBy(asc(compute.seq));
  const groupsOf = Map.groupBy(rows, ({ groupId }) => groupId);
  return new Map([...groupsOf].map(([id, members]) => [id, placedGroup(id, members)]));

  function placedGroup(id: string, members: typeof rows): PlacedGroup {
    const [first] = members as [(typeof rows)[number]];
    return {
      ...{ id, source: first.deviceId, epoch: first.epoch },
      name: first.groupName ?? first.name,
      workflowId: workflowIdOf(first),
      computes: members.map(({ id: computeId, name, state, spec }) => ({ id: computeId, name, state, spec })),
      demand: demandOfGroup(members),
      against: members.flatMap(({ name, state, transferId }) =>
        movableCauses({ name, state, placement: { transferId } }),
      ),
      runs: members.some(({ state }) => ['running', 'migrating', 'creating'].includes(state)),
      settling: members.some(({ state }) => state === 'migrating' || state === 'creating'),
    };
  }
}

/** The same, with their figures; what they demand is what a move of them does. */
export async function readUnits(
  db: Database,
  which: { devices: readonly string[]; groups: readonly string[] },
): Promise<Map<string, GroupUnit>> {
  const groups = await readGroups(db, which);
  const idsOf = ({ computes }: PlacedGroup) => computes.map(({ id }) => id);
  const [samples, past] = await Promise.all([
    memorySamples(db, [...groups.values()].flatMap(idsOf)),
    pastMovesOf(db, [...groups.keys()]),
  ]);
  return new Map(
    [...groups].map(([id, group]) => {
      const usedBytes = memoryOf(samples, idsOf(group));
      const demand = demandOfMove(group.demand, usedBytes);
      return [id, { ...group, demand, usedBytes, past: past.get(id) ?? [] }];
    }),
  );
}
