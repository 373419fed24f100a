import { sql } from 'drizzle-orm';
import type { Caps } from '../../core/evacuation.ts';
import type { ComingMove, RunningMove, ScheduledMove } from '../../core/scheduleMoves.ts';
import { scheduleMoves } from '../../core/scheduleMoves.ts';
import type { Database } from '../database.ts';
import type { EvacuationItemRow } from '../evacuations.ts';
import { itemKey, type PlannedItem, UNKNOWN_MS } from './openPlan.ts';

/** What of an item a plan says. */
type Planned = Pick<
  EvacuationItemRow,
  'position' | 'sourceId' | 'targetId' | 'predicted' | 'reason' | 'causes' | 'startsAt' | 'endsAt'
>;

/**
 * Writes what has changed: targets, order and times of all items, and when each evacuation is going to end. All items in one
 * statement: hundreds have other times after each look.
 */
export async function writePlan(
  tx: Database,
  items: readonly PlannedItem[],
  running: readonly RunningMove[],
  coming: readonly ComingMove[],
): Promise<void> {
  const now = Date.now();
  const ends = new Map<string, number>();
  const at = (ms: number) => new Date(now + Math.round(ms));
  const schedules = new Map<string, ReadonlyMap<string, ScheduledMove>>();
  // Each with its own caps, beside what all others have planned; most have the same.
  const scheduleUnder = (caps: Caps) => {
    const key = JSON.stringify(caps);
    const known = schedules.get(key);
    const times = known ?? new Map(scheduleMoves(running, coming, caps).map((move) => [move.id, move]));
    schedules.set(key, times);
    return times;
  };
  const changed: EvacuationItemRow[] = [];
  for (const [id, own] of Map.groupBy(items, ({ evacuation: of }) => of.id)) {
    const { caps } = own[0]?.evacuation ?? {};
    if (!caps) continue;
    const times = scheduleUnder(caps);
    for (const [position, { item, plan: move, unit }] of own.entries()) {
      const scheduled = times.get(itemKey(item));
      const started = item.startedAt?.getTime() ?? now;
      const endsInMs =
        item.state === 'moving'
          ? Math.max(0, started + (item.predicted?.totalMs ?? UNKNOWN_MS) - now)
          : scheduled?.endsInMs;
      if (endsInMs !== undefined) ends.set(id, Math.max(ends.get(id) ?? 0, endsInMs));
      if (item.state !== 'waiting') continue;
      const next: Planned = {
        position,
        sourceId: unit?.source ?? item.sourceId,
        targetId: move?.target ?? null,
        predicted: move?.predicted ?? null,
        reason: move?.reason ?? item.reason,
        causes: [...(move?.causes ?? [])],
        startsAt: scheduled ? at(scheduled.startsInMs) : null,
        endsAt: scheduled ? at(scheduled.endsInMs) : null,
      };
      if (isSame(item, next, now)) continue;
      changed.push(Object.assign(item, next));
    }
  }
  await writeItems(tx, changed);
  await writeEnds(tx, items, (id) => (ends.has(id) ? at(ends.get(id) ?? 0) : null));
}

async function writeItems(tx: Database, changed: readonly EvacuationItemRow[]): Promise<void> {
  if (changed.length === 0) return;
  const rows = changed.map((item) => ({
    ...{ evacuation: item.evacuationId, grp: item.groupId, pos: item.position, source: item.sourceId },
    ...{ target: item.targetId, predicted: item.predicted, reason: item.reason, causes: item.causes },
    ...{ starts: item.startsAt, ends: item.endsAt },
  }));
  await tx.execute(sql`
    update evacuation_item i set position = n.pos, source_id = n.source, target_id = n.target,
      predicted = n.predicted, reason = n.reason, causes = n.causes, starts_at = n.starts, ends_at = n.ends
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (evacuation text, grp text, pos int, source text,
      target text, predicted jsonb, reason text, causes jsonb, starts timestamptz, ends timestamptz)
    where i.evacuation_id = n.evacuation and i.group_id = n.grp`);
}

/** Times that shift by less than this are not written again, milliseconds, or by less than this share of what is left. */
const TOLERANCE_MS = 2_000;
const TOLERANCE = 0.05;

function isSame(item: EvacuationItemRow, next: Planned, now: number): boolean {
  return (
    item.position === next.position &&
    item.targetId === next.targetId &&
    item.sourceId === next.sourceId &&
    item.reason === next.reason &&
    isNear(item.startsAt, next.startsAt, now) &&
    isNear(item.endsAt, next.endsAt, now) &&
    JSON.stringify([item.causes, item.predicted]) === JSON.stringify([next.causes, next.predicted])
  );
}

function isNear(before: Date | null, next: Date | null, now: number): boolean {
  if (before === null || next === null) return before === next;
  const tolerance = Math.max(TOLERANCE_MS, (next.getTime() - now) * TOLERANCE);
  return Math.abs(before.getTime() - next.getTime()) < tolerance;
}

async function writeEnds(
  tx: Database,
  items: readonly PlannedItem[],
  endOf: (id: string) => Date | null,
): Promise<void> {
  const now = Date.now();
  const rows = [...new Set(items.map(({ evacuation: of }) => of))].flatMap((row) => {
    const predictedEndAt = row.state === 'paused' ? null : endOf(row.id);
    if (isNear(row.predictedEndAt, predictedEndAt, now)) return [];
    return [{ id: row.id, predicted: predictedEndAt }];
  });
  if (rows.length === 0) return;
  await tx.execute(sql`
    update evacuation e set predicted_end_at = n.predicted, planned_end_at = coalesce(e.planned_end_at, n.predicted)
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (id text, predicted timestamptz)
    where e.id = n.id`);
}
