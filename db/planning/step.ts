import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Cause } from '../../core/cause.ts';
import { DrayageError } from '../../core/cause.ts';
import type { PlacementStrategy } from '../../core/choosePlacement.ts';
import { decideEvacuation, decideMoveEnd, type ItemFacts } from '../../core/decideEvacuation.ts';
import { EvacuationKind, lookAgainMs, retryAfterSeconds } from '../../core/evacuation.ts';
import { startable } from '../../core/scheduleMoves.ts';
import type { Database } from '../database.ts';
import {
  endEvacuation,
  type EvacuationItemRow,
  type EvacuationRow,
  getEvacuation,
  itemsOf,
} from '../evacuations.ts';
import { addEvent } from '../events.ts';
import { createMigration } from '../migrationRecords.ts';
import { evacuation, evacuationItem, migration } from '../schema/index.ts';
import { placing } from './claims.ts';
import { itemKey, type OpenPlan, type PlannedItem, planOpen } from './openPlan.ts';
import { readGroups } from './units.ts';

export interface StepOptions {
  strategy: PlacementStrategy;
  newId: () => string;
}

/** What an evacuation's workflow has to do next. */
export type EvacuationStep =
  { action: 'go'; moves: string[]; stops: string[]; againInMs: number } | { action: 'end'; reason: string };

/** While moves are under way; their ends are told. Milliseconds. */
const LOOK_MS = 5_000;

/**
 * One step: takes note of what has ended, plans anew, and records the moves that are to be started now (`moves`: ids of
 * migrations without a workflow yet, also those of a step before that was cut short). All in one transaction.
 */
export async function stepEvacuation(
  db: Database,
  id: string,
  { strategy, newId }: StepOptions,
): Promise<EvacuationStep> {
  return placing(db, async (tx) => {
    const row = await getEvacuation(tx, id, true);
    if (row.endedAt !== null) return { action: 'end', reason: row.reason };
    await takeNote(tx, row);
    const plan = await planOpen(tx, strategy);
    const own = plan.items.filter(({ evacuation: of }) => of.id === id);
    const facts = factsOf(row, own, plan);
    const decision = decideEvacuation(facts);
    await tx.update(evacuation).set({ reason: decision.reason }).where(eq(evacuation.id, id));
    if (decision.action === 'end') {
      await endEvacuation(tx, id, decision.state, decision.reason);
      return { action: 'end', reason: decision.reason };
    }
    if (decision.action === 'move') await startMoves(tx, row, own, plan, newId);
    const stops = decision.action === 'stop' ? await stopsOf(tx, row, decision.items) : [];
    const wantedMs = decision.action === 'wait' ? decision.againInMs : LOOK_MS;
    const open = new Set(plan.items.map(({ evacuation: of }) => of.id)).size;
    const againInMs = lookAgainMs(wantedMs, open, facts.deadlineInMs);
    return { action: 'go', moves: await unstarted(tx, id), stops, againInMs };
  });
}

/** Makes the items of an evacuation what the records say: what has moved, what has gone, what has come. */
export async function takeNote(tx: Database, row: EvacuationRow): Promise<void> {
  const items = await itemsOf(tx, [row.id]);
  await noteEnds(tx, items);
  const devices = row.kind === EvacuationKind.evacuate && row.deviceId !== null ? [row.deviceId] : [];
  const units = await readGroups(tx, { devices, groups: items.map(({ groupId }) => groupId) });
  for (const item of items.filter(({ state }) => state === 'waiting')) {
    const unit = units.get(item.groupId);
    if (!unit) await setItem(tx, item, { state: 'gone', reason: 'It was deleted.' });
    else if (unit.source === item.onlyId) await setItem(tx, item, { state: 'moved', reason: 'It is there.' });
    else if (devices.length > 0 && unit.source !== row.deviceId)
      await setItem(tx, item, { state: 'gone', reason: 'It was moved by somebody else.' });
    else if (unit.name !== item.name) await setItem(tx, item, { name: unit.name });
  }
  const known = new Set(items.map(({ groupId }) => groupId));
  const come = [...units.values()].filter(({ id, source }) => devices.includes(source) && !known.has(id));
  if (come.length === 0) return;
  await tx.insert(evacuationItem).values(
    come.map(({ id: groupId, name, source }, index) => ({
      ...{ evacuationId: row.id, groupId, name, sourceId: source },
      position: items.length + index,
      state: 'waiting' as const,
    })),
  );
}

async function noteEnds(tx: Database, items: readonly EvacuationItemRow[]): Promise<void> {
  const moving = items.filter(({ state }) => state === 'moving');
  if (moving.length === 0) return;
  const ids = moving.flatMap(({ migrationId }) => (migrationId === null ? [] : [migrationId]));
  const moves = new Map(
    (await tx.select().from(migration).where(inArray(migration.id, ids))).map((move) => [move.id, move]),
  );
  for (const item of moving) {
    const move = moves.get(item.migrationId ?? '');
    if (!move || move.endedAt === null) continue;
    const state = move.state as Parameters<typeof decideMoveEnd>[0]['state'];
    const decided = decideMoveEnd({ state, reason: move.reason, causes: move.causes }, item.attempts);
    if (decided.action === 'done') {
      await setItem(tx, item, {
        state: 'moved',
        reason: move.reason,
        endsAt: move.endedAt,
        endedAt: move.endedAt,
      });
      continue;
    }
    const causes: Cause[] = move.causes.length > 0 ? move.causes : [unexplained(move.id, move.reason)];
    const avoid =
      decided.action === 'again' && decided.avoidTarget ? [...item.avoid, move.targetId] : item.avoid;
    const attempts = decided.action === 'again' && !decided.counts ? item.attempts - 1 : item.attempts;
    await setItem(tx, item, {
      ...{ state: 'waiting', reason: decided.reason, avoid, causes, targetId: null, attempts },
      retryAt: sql`now() + make_interval(secs => ${retryAfterSeconds(item.attempts)})`,
    });
  }
}

function unexplained(id: string, reason: string): Cause {
  return { code: 'moveFailed', message: reason, mend: `Look at it with \`drayage migration show ${id}\`.` };
}

type ItemChange = Partial<Omit<typeof evacuationItem.$inferInsert, 'retryAt'>> & { retryAt?: unknown };

/** Changes an item; a change of its state is told. */
async function setItem(tx: Database, item: EvacuationItemRow, change: ItemChange): Promise<void> {
  await tx
    .update(evacuationItem)
    .set(change as typeof evacuationItem.$inferInsert)
    .where(and(eq(evacuationItem.evacuationId, item.evacuationId), eq(evacuationItem.groupId, item.groupId)));
  if (change.state === undefined || change.state === item.state) return;
  await addEvent(tx, {
    type: 'evacuation.item',
    subject: item.evacuationId,
    message: `${item.name}: ${change.reason ?? change.state}`,
    data: { group: item.groupId, state: change.state },
  });
}

function factsOf(row: EvacuationRow, own: readonly PlannedItem[], plan: OpenPlan) {
  const now = Date.now();
  const { state, policy, deadlineAt, id } = row;
  return {
    ...{ state: state as 'running' | 'paused' | 'cancelling', policy },
    deadlineInMs: deadlineAt === null ? null : deadlineAt.getTime() - now,
    othersMove: plan.items.some(({ item, evacuation: of }) => of.id !== id && item.state === 'moving'),
    items: own.map(({ item, unit, plan: move }): ItemFacts => ({
      ...{ id: item.groupId, state: item.state, attempts: item.attempts },
      target: move?.target ?? null,
      runs: unit?.runs ?? false,
      settling: unit?.settling ?? false,
      retryInMs: Math.max(0, (item.retryAt?.getTime() ?? 0) - now),
    })),
  };
}

/** Records the moves that the caps let start now. */
async function startMoves(
  tx: Database,
  row: EvacuationRow,
  own: readonly PlannedItem[],
  { running, coming }: OpenPlan,
  newId: () => string,
): Promise<void> {
  const mine = new Map(own.map((planned) => [itemKey(planned.item), planned]));
  const next = startable(
    running,
    coming.filter(({ id }) => mine.has(id)),
    row.caps,
  );
  for (const { id: key, target } of next) {
    const { item, unit } = mine.get(key) ?? {};
    const compute = unit?.computes[0];
    if (!item || !unit || !compute) continue;
    const id = newId();
    try {
      await createMigration(tx, {
        ...{ id, group: unit.id, compute: compute.id, source: unit.source, target, epoch: unit.epoch + 1 },
        ...{ ...row.options, workflowId: unit.workflowId, evacuation: row.id, actor: row.actor ?? undefined },
      });
    } catch (error) {
      // Somebody else has begun to move it; the next look sees that.
      if (!(error instanceof DrayageError)) throw error;
      continue;
    }
    await setItem(tx, item, {
      ...{ state: 'moving', migrationId: id, targetId: target, attempts: item.attempts + 1 },
      ...{ startedAt: new Date(), startsAt: new Date(), reason: 'Its move has begun.' },
    });
  }
}

/** Moves that were recorded, and whose workflows have not been started. */
async function unstarted(tx: Database, id: string): Promise<string[]> {
  const rows = await tx
    .select({ id: migration.id })
    .from(migration)
    .where(and(eq(migration.evacuationId, id), eq(migration.runId, ''), sql`${migration.endedAt} is null`))
    .orderBy(migration.seq);
  return rows.map((move) => move.id);
}

/** Items that are stopped, since they could not be moved in time: their computes that run. */
async function stopsOf(tx: Database, row: EvacuationRow, groups: readonly string[]): Promise<string[]> {
  const units = await readGroups(tx, { devices: [], groups });
  const running = [...units.values()].flatMap(({ computes }) =>
    computes.filter(({ state }) => state === 'running'),
  );
  await tx
    .update(evacuationItem)
    .set({
      state: 'stopped',
      reason: 'It was stopped at the deadline, for it could not be moved.',
      endedAt: sql`now()`,
    })
    .where(and(eq(evacuationItem.evacuationId, row.id), inArray(evacuationItem.groupId, [...groups])));
  return running.map(({ id }) => id);
}
