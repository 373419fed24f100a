import type { Cause } from '../../core/cause.ts';
import type { PlacementStrategy } from '../../core/choosePlacement.ts';
import { mayBeTried } from '../../core/decideEvacuation.ts';
import { type PlannedMove, planMoves } from '../../core/planMoves.ts';
import type { ComingMove, RunningMove } from '../../core/scheduleMoves.ts';
import type { Database } from '../database.ts';
import { type EvacuationItemRow, type EvacuationRow, itemsOf, openEvacuations } from '../evacuations.ts';
import { openMigrations } from '../migrationRecords.ts';
import { type GroupUnit, readUnits } from './units.ts';
import { readWorld } from './world.ts';
import { writePlan } from './writePlan.ts';

/** An item as it is planned. */
export interface PlannedItem {
  item: EvacuationItemRow;
  evacuation: EvacuationRow;
  /** Null when nothing is left of its computes. */
  unit: GroupUnit | null;
  /** Of a waiting one. */
  plan: PlannedMove | null;
}

export interface OpenPlan {
  items: PlannedItem[];
  /** Every move that is under way, whoever began it. */
  running: RunningMove[];
  /** Moves that are planned and may be started when the caps let them, in order. */
  coming: ComingMove[];
}

/** Of a move that nobody predicted, milliseconds. */
export const UNKNOWN_MS = 5_000;

/** Names an item among those of all evacuations. */
export function itemKey({
  evacuationId,
  groupId,
}: Pick<EvacuationItemRow, 'evacuationId' | 'groupId'>): string {
  return `${evacuationId} ${groupId}`;
}

/**
 * Plans all open evacuations together, for they share the devices' room, and writes down where everything goes and when. The
 * caller holds the placing lock.
 */
export async function planOpen(tx: Database, strategy: PlacementStrategy): Promise<OpenPlan> {
  const open = await openEvacuations(tx);
  const rows = await itemsOf(
    tx,
    open.map(({ id }) => id),
  );
  const waiting = rows.filter(({ state }) => state === 'waiting');
  const units = await readUnits(tx, { devices: [], groups: waiting.map(({ groupId }) => groupId) });
  const claimless = { without: open.map(({ id }) => id), strategy };
  // While the last moves end there is nothing to be planned, and nothing of the devices to be read.
  const moves = units.size === 0 ? [] : plan(waiting, units, await readWorld(tx, units, claimless));
  const planned = new Map(moves.map((move) => [move.unit.id, move]));
  const [byId, taken] = [new Map(open.map((row) => [row.id, row])), new Set<string>()];
  const items = rows.flatMap((item): PlannedItem[] => {
    const of = byId.get(item.evacuationId);
    if (!of) return [];
    const unit = units.get(item.groupId) ?? null;
    if (item.state !== 'waiting' || unit === null) return [{ item, evacuation: of, unit, plan: null }];
    const move = planned.get(item.groupId) ?? null;
    const mine = move !== null && !taken.has(item.groupId);
    taken.add(item.groupId);
    return [{ item, evacuation: of, unit, plan: mine ? move : elsewhere(unit) }];
  });
  const ordered = inOrder(items, [...planned.keys()]);
  const running = await runningMoves(tx, rows);
  const coming = comingMoves(ordered);
  await writePlan(tx, ordered, running, coming);
  return { items: ordered, running, coming };
}

/** A group that two evacuations want to move belongs to the one that was asked for first. */
function plan(
  waiting: readonly EvacuationItemRow[],
  units: ReadonlyMap<string, GroupUnit>,
  world: Parameters<typeof planMoves>[1],
): PlannedMove[] {
  const firsts = new Map<string, EvacuationItemRow>();
  for (const item of waiting) if (!firsts.has(item.groupId)) firsts.set(item.groupId, item);
  const wanted = [...firsts.values()].flatMap((item) => {
    const unit = units.get(item.groupId);
    if (!unit) return [];
    const against = mayBeTried(item) ? unit.against : (item.causes as [Cause, ...Cause[]]);
    return [{ ...unit, against, target: item.targetId, only: item.onlyId ?? undefined, avoid: item.avoid }];
  });
  return planMoves(wanted, world);
}

function elsewhere(unit: GroupUnit): PlannedMove {
  const cause: Cause = {
    code: 'otherEvacuation',
    message: `Another evacuation has ${unit.name} in its plan.`,
    mend: 'Wait for that one; `drayage evacuation ls` shows it.',
  };
  return {
    unit: { ...unit, target: null },
    ...{ target: null, predicted: null, reason: cause.message, causes: [cause] },
  };
}

/** What has begun first, in the order in which it did; then as planned; last what cannot be moved. */
function inOrder(items: readonly PlannedItem[], order: readonly string[]): PlannedItem[] {
  const place = new Map(order.map((group, index) => [group, index]));
  const rank = ({ item, plan: move }: PlannedItem) => {
    if (item.state !== 'waiting') return 0;
    return move?.target ? 1 : 2;
  };
  return [...items].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      (a.item.startedAt?.getTime() ?? 0) - (b.item.startedAt?.getTime() ?? 0) ||
      (place.get(a.item.groupId) ?? 0) - (place.get(b.item.groupId) ?? 0),
  );
}

async function runningMoves(tx: Database, rows: readonly EvacuationItemRow[]): Promise<RunningMove[]> {
  const predicted = new Map(rows.map(({ migrationId, predicted: move }) => [migrationId, move?.totalMs]));
  const now = Date.now();
  return (await openMigrations(tx)).map(({ id, sourceId, targetId, createdAt }) => {
    const remainingMs = Math.max(0, (predicted.get(id) ?? UNKNOWN_MS) - (now - createdAt.getTime()));
    return { source: sourceId, target: targetId, remainingMs };
  });
}

function comingMoves(items: readonly PlannedItem[]): ComingMove[] {
  const now = Date.now();
  return items.flatMap(({ item, evacuation: of, unit, plan: move }) => {
    if (of.state !== 'running' || unit === null || !move?.target || move.predicted === null) return [];
    const notBeforeMs = Math.max(0, (item.retryAt?.getTime() ?? 0) - now);
    const { source } = unit;
    return [{ id: itemKey(item), source, target: move.target, totalMs: move.predicted.totalMs, notBeforeMs }];
  });
}
