import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Cause } from '../../core/cause.ts';
import type { ComputeSpec, ComputeState } from '../../core/compute.ts';
import { demandOfGroup, demandOfMove } from '../../core/demand.ts';
import type { MoveUnit } from '../../core/planMoves.ts';
import { movableCauses } from '../../core/movableCauses.ts';
import type { PastMove } from '../../core/predictMove.ts';
import type { Database } from '../database.ts';
import { newestSamples } from '../metrics.ts';
import { compute, computeGroup, image, imageBlob, migration, placement } from '../schema/index.ts';

/** How many moves before tell what the next one costs. */
const HISTORY = 5;
const MEMORY_SECONDS = 3_600;

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
    newestSamples(db, ids, MEMORY_SECONDS),
    pastMovesOf(db, [...new Set(rows.map(({ groupId }) => groupId))]),
  ]);
  return new Map(
    [...Map.groupBy(rows, ({ groupId }) => groupId)].map(([group, members]) => [group, unit(group, members)]),
  );

  function unit(id: string, members: typeof rows): GroupUnit {
    const [first] = members as [(typeof rows)[number]];
    const used = members.map((member) => samples.get(member.id)?.memoryBytes ?? null);
    const usedBytes = used.some((bytes) => bytes === null)
      ? null
      : used.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    const against: Cause[] = members.flatMap(({ name, state, transferId }) =>
      movableCauses({ name, state, placement: { transferId } }),
    );
    return {
      ...{ id, source: first.deviceId, epoch: first.epoch, against, usedBytes },
      name: first.groupName ?? first.name,
      workflowId: first.groupName === null ? first.id : id,
      computes: members.map(({ id: computeId, name, state, spec }) => ({ id: computeId, name, state, spec })),
      demand: demandOfMove(demandOfGroup(members), usedBytes),
      past: past.get(id) ?? [],
      runs: members.some(({ state }) => ['running', 'migrating', 'creating'].includes(state)),
      settling: members.some(({ state }) => state === 'migrating' || state === 'creating'),
    };
  }
}

/** The last moves of groups that came to an end as they should, by group, newest first. */
async function pastMovesOf(db: Database, groups: string[]): Promise<Map<string, PastMove[]>> {
  if (groups.length === 0) return new Map();
  const rows = await db.execute<{ group: string; frozen: number; wire: number; total: number }>(sql`
    select g.id as "group", m.frozen_ms::float8 as frozen, m.wire_bytes::float8 as wire, coalesce(m.total_ms, 0)::float8 as total
    from unnest(${sql.param(groups)}::text[]) as g(id)
    cross join lateral (
      select frozen_ms, wire_bytes, total_ms, seq from ${migration}
      where group_id = g.id and state = 'succeeded' and frozen_ms is not null order by seq desc limit ${HISTORY}
    ) m order by m.seq desc`);
  const past = new Map<string, PastMove[]>();
  for (const { group, frozen, wire, total } of rows)
    past.set(group, [...(past.get(group) ?? []), { frozenMs: frozen, wireBytes: wire, totalMs: total }]);
  return past;
}
