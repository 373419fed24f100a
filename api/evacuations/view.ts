import { and, inArray, isNull } from 'drizzle-orm';
import type {
  EvacuationItemView,
  EvacuationPlanView,
  EvacuationSummary,
  EvacuationView,
} from '../../core/api/evacuations.ts';
import type { ItemState } from '../../core/evacuation.ts';
import type { Database } from '../../db/database.ts';
import { deviceNames, type EvacuationItemRow, type EvacuationRow, itemsOf } from '../../db/evacuations.ts';
import { compute } from '../../db/schema/index.ts';

type Names = ReadonlyMap<string, string>;

/** An evacuation with its whole plan. */
export async function evacuationView(db: Database, row: EvacuationRow): Promise<EvacuationView> {
  const items = await itemsOf(db, [row.id]);
  const names = await deviceNames(db, namedDevices([row], items));
  return { ...summary(row, items, names), ...(await planOf(db, row, items, names)) };
}

/** What is planned, before anything is begun. */
export async function planView(
  db: Database,
  row: EvacuationRow,
  reason: string,
): Promise<EvacuationPlanView> {
  const items = await itemsOf(db, [row.id]);
  const names = await deviceNames(db, namedDevices([row], items));
  return { ...(await planOf(db, row, items, names)), reason };
}

/** Evacuations without their items. */
export async function evacuationSummaries(
  db: Database,
  rows: readonly EvacuationRow[],
): Promise<EvacuationSummary[]> {
  const items = await itemsOf(
    db,
    rows.map(({ id }) => id),
  );
  const names = await deviceNames(db, namedDevices(rows, []));
  const byEvacuation = Map.groupBy(items, ({ evacuationId }) => evacuationId);
  return rows.map((row) => summary(row, byEvacuation.get(row.id) ?? [], names));
}

function namedDevices(rows: readonly EvacuationRow[], items: readonly EvacuationItemRow[]): string[] {
  const ids = [
    ...rows.map(({ deviceId }) => deviceId),
    ...items.flatMap(({ sourceId, targetId }) => [sourceId, targetId]),
  ];
  return ids.filter((id) => id !== null);
}

function reference(id: string | null, names: Names): { id: string; name: string } | null {
  return id === null ? null : { id, name: names.get(id) ?? id };
}

function summary(row: EvacuationRow, items: readonly EvacuationItemRow[], names: Names): EvacuationSummary {
  return {
    ...{ id: row.id, kind: row.kind, state: row.state, reason: row.reason, policy: row.policy },
    ...{ options: row.options, returnHome: row.returnHome, returns: row.returnsId },
    device: reference(row.deviceId, names),
    counts: countsOf(items),
    deadlineAt: instant(row.deadlineAt),
    plannedEndAt: instant(row.plannedEndAt),
    predictedEndAt: instant(row.predictedEndAt),
    createdAt: row.createdAt.toISOString(),
    endedAt: instant(row.endedAt),
  };
}

async function planOf(
  db: Database,
  row: EvacuationRow,
  items: readonly EvacuationItemRow[],
  names: Names,
): Promise<Omit<EvacuationPlanView, 'reason'>> {
  const members = await computesOf(
    db,
    items.map(({ groupId }) => groupId),
  );
  const planned = items.flatMap(({ predicted }) => predicted ?? []);
  return {
    device: reference(row.deviceId, names),
    caps: row.caps,
    items: items.map((item) => itemView(item, members.get(item.groupId) ?? [], names)),
    counts: countsOf(items),
    plannedEndAt: instant(row.plannedEndAt),
    predictedEndAt: instant(row.predictedEndAt),
    predicted: {
      wireBytes: planned.reduce((sum, { wireBytes }) => sum + wireBytes, 0),
      longestFreezeMs: planned.length === 0 ? null : Math.max(...planned.map(({ freezeMs }) => freezeMs)),
    },
  };
}

function itemView(
  item: EvacuationItemRow,
  computes: { id: string; name: string }[],
  names: Names,
): EvacuationItemView {
  const { predicted } = item;
  return {
    ...{ group: item.groupId, computes, state: item.state, reason: item.reason, causes: item.causes },
    source: reference(item.sourceId, names),
    target: reference(item.targetId, names),
    predicted: predicted && {
      ...{ freezeMs: predicted.freezeMs, wireBytes: predicted.wireBytes, totalMs: predicted.totalMs },
    },
    startsAt: instant(item.startsAt),
    endsAt: instant(item.endsAt),
    ...{ attempts: item.attempts, migration: item.migrationId },
  };
}

/** Computes of groups, those that were deleted left out. */
async function computesOf(
  db: Database,
  groups: string[],
): Promise<Map<string, { id: string; name: string }[]>> {
  if (groups.length === 0) return new Map();
  const rows = await db
    .select({ id: compute.id, name: compute.name, groupId: compute.groupId })
    .from(compute)
    .where(and(inArray(compute.groupId, groups), isNull(compute.deletedAt)))
    .orderBy(compute.seq);
  const members = new Map<string, { id: string; name: string }[]>();
  for (const { groupId, ...one } of rows) members.set(groupId, [...(members.get(groupId) ?? []), one]);
  return members;
}

/** How many items are in which state. */
export function countsOf(items: readonly EvacuationItemRow[]): Record<ItemState, number> {
  const counts = { waiting: 0, moving: 0, moved: 0, left: 0, stopped: 0, gone: 0 };
  for (const { state } of items) counts[state] += 1;
  return counts;
}

function instant(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
