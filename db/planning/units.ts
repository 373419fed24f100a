import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Cause } from '../../core/cause.ts';
import type { ComputeSpec, ComputeState } from '../../core/compute.ts';
import { demandOfGroup, demandOfMove } from '../../core/demand.ts';
import type { MoveUnit } from '../../core/planMoves.ts';
import { movableCauses } from '../../core/movableCauses.ts';
import type { PastMove } from '../../core/predictMove.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import type { Database } from '../database.ts';
import { memoryOf, memorySamples, pastMovesOf } from '../moveHistory.ts';
import { compute, computeGroup, image, imageBlob, placement } from '../schema/index.ts';

/** Computes that move as one, with all that a plan and a move need of them. */
export interface GroupUnit extends Omit<MoveUnit, 'target' | 'only' | 'avoid'> {
  computes: { id: string; name: string; state: ComputeState; spec: ComputeSpec }[];
  epoch: number;
  /** Of the workflow that changes it. */
  workflowId: string;
  /** Null when not all have told. */
  usedBytes: number | null;
  past: PastMove[];
  /** Whether any of it runs. */
  runs: boolean;
  /** Whether it changes by itself: it is being made or moved. */
  settling: boolean;
}

/** Groups with their computes: those on these devices, and those with these ids. Those of which nothing is left are left out. */
export async function readUnits(
  db: Database,
  { devices, groups }: { devices: readonly string[]; groups: readonly string[] },
): Promise<Map<string, GroupUnit>> {
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
        sql`(${inArray(placement.deviceId, [...devices, ''])} or ${inArray(compute.groupId, [...groups, ''])})`,
      ),
    )
    .orderBy(asc(compute.seq));
  const ids = rows.map(({ id }) => id);
  const [samples, past] = await Promise.all([
    memorySamples(db, ids),
    pastMovesOf(db, [...new Set(rows.map(({ groupId }) => groupId))]),
  ]);
  return new Map(
    [...Map.groupBy(rows, ({ groupId }) => groupId)].map(([group, members]) => [group, unit(group, members)]),
  );

  function unit(id: string, members: typeof rows): GroupUnit {
    const [first] = members as [(typeof rows)[number]];
    const usedBytes = memoryOf(
      samples,
      members.map((member) => member.id),
    );
    const against: Cause[] = members.flatMap(({ name, state, transferId }) =>
      movableCauses({ name, state, placement: { transferId } }),
    );
    return {
      ...{ id, source: first.deviceId, epoch: first.epoch, against, usedBytes },
      name: first.groupName ?? first.name,
      workflowId: workflowIdOf(first),
      computes: members.map(({ id: computeId, name, state, spec }) => ({ id: computeId, name, state, spec })),
      demand: demandOfMove(demandOfGroup(members), usedBytes),
      past: past.get(id) ?? [],
      runs: members.some(({ state }) => ['running', 'migrating', 'creating'].includes(state)),
      settling: members.some(({ state }) => state === 'migrating' || state === 'creating'),
    };
  }
}
