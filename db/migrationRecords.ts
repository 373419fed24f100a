import { and, asc, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { MigrationView } from '../core/api/migrations.ts';
import { type Cause, DrayageError } from '../core/cause.ts';
import type { ComputeSpec } from '../core/compute.ts';
import {
  FINAL_MIGRATION_STATES,
  type MigrationState,
  OPEN_MIGRATION_STATES,
  type Phase,
  type Round,
} from '../core/migration.ts';
import type { Scope } from '../core/tenancy.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import {
  compute,
  device,
  migration,
  migrationPhase,
  migrationRound,
  placement,
  tenant,
} from './schema/index.ts';
import { inScope } from './tenants.ts';

export type MigrationRow = typeof migration.$inferSelect;

export interface NewMigration {
  id: string;
  group: string;
  compute: string;
  source: string;
  target: string;
  epoch: number;
  maxDowntimeMs?: number | undefined;
  bandwidthMbit?: number | undefined;
  allowThrottle?: boolean | undefined;
  endSessions?: boolean | undefined;
  dryRun?: boolean | undefined;
  /** Of which it is a part; that starts its workflow. */
  evacuation?: string | undefined;
  /** Whether it begins only when others have ended. */
  waits?: boolean;
  workflowId: string;
  actor?: string | undefined;
}

/** Records a move that is about to start, state pending. @throws DrayageError migrationRunning (see openMigration), notRunning */
export async function createMigration(db: Database, values: NewMigration): Promise<void> {
  const { id, group, compute: computeId, source, target, actor, evacuation, waits = false, ...rest } = values;
  const reason = waits ? 'It begins when moves that are under way have ended.' : 'It is about to start.';
  try {
    await db.transaction(async (tx) => {
      await requireNoneBeingMade(tx, group);
      const row = {
        id,
        groupId: group,
        computeId,
        sourceId: source,
        targetId: target,
        evacuationId: evacuation ?? null,
        ...rest,
      };
      await tx.insert(migration).values({ ...row, state: 'pending', reason });
      await addEvent(tx, {
        type: 'migration.pending',
        subject: id,
        actor,
        message: 'The move was asked for.',
        data: { compute: computeId, source, target },
      });
    });
  } catch (error) {
    if (!isViolation(error, '23505', 'migration_one_open')) throw error;
    throw new DrayageError({
      code: 'migrationRunning',
      message: 'The compute is being moved already.',
      mend: 'Wait until that move has ended, or abort it with `drayage migration abort`.',
    });
  }
}

/**
 * A compute that is being made cannot be moved, nor the rest of its group. From here to the end of the transaction none
 * joins the group.
 */
async function requireNoneBeingMade(tx: Database, group: string): Promise<void> {
  await tx.select().from(placement).where(eq(placement.groupId, group)).for('update');
  const [made] = await tx
    .select({ name: compute.name })
    .from(compute)
    .where(and(eq(compute.groupId, group), eq(compute.state, 'creating'), isNull(compute.deletedAt)));
  if (!made) return;
  throw new DrayageError({
    code: 'notRunning',
    message: `Compute ${made.name}, which moves with it, is being made.`,
    mend: 'Wait until it runs and try again.',
  });
}

/** The move of a group that has not ended; null when there is none. */
export async function openMigration(db: Database, group: string): Promise<MigrationRow | null> {
  return (
    (
      await db
        .select()
        .from(migration)
        .where(and(eq(migration.groupId, group), isNull(migration.endedAt)))
    )[0] ?? null
  );
}

/** What the workflow of a move is given. */
export function moveInputOf(row: MigrationRow, computes: ComputeSpec[]) {
  return {
    migrationId: row.id,
    group: row.groupId,
    computes,
    source: row.sourceId,
    target: row.targetId,
    epoch: row.epoch - 1,
    ...(row.maxDowntimeMs === null ? {} : { maxDowntimeMs: row.maxDowntimeMs }),
    ...(row.bandwidthMbit === null ? {} : { bandwidthMbit: row.bandwidthMbit }),
    allowThrottle: row.allowThrottle,
    endSessions: row.endSessions,
    dryRun: row.dryRun,
  };
}

/** Ids of an evacuation's moves that have not ended. */
export async function migrationsOfEvacuation(db: Database, evacuationId: string): Promise<string[]> {
  const rows = await db
    .select({ id: migration.id })
    .from(migration)
    .where(and(eq(migration.evacuationId, evacuationId), isNull(migration.endedAt)));
  return rows.map(({ id }) => id);
}

/** All moves that have not ended. */
export async function openMigrations(db: Database): Promise<MigrationRow[]> {
  return db.select().from(migration).where(isNull(migration.endedAt)).orderBy(asc(migration.seq));
}

/** How many moves have not ended: all of them, and those that have begun. */
export async function countOpenMigrations(db: Database): Promise<{ open: number; begun: number }> {
  const row = only(
    await db
      .select({
        open: sql<number>`count(*)`.mapWith(Number),
        begun: sql<number>`count(*) filter (where ${migration.runId} <> '')`.mapWith(Number),
      })
      .from(migration)
      .where(isNull(migration.endedAt)),
  );
  return row;
}

/** The first of the moves that wait to be begun, of no evacuation; younger ones are still the business of their request. */
export async function waitingMigrations(
  db: Database,
  { seconds, limit }: { seconds: number; limit: number },
): Promise<MigrationRow[]> {
  const old = sql`${migration.createdAt} < now() - make_interval(secs => ${seconds})`;
  return db
    .select()
    .from(migration)
    .where(and(isNull(migration.endedAt), eq(migration.runId, ''), isNull(migration.evacuationId), old))
    .orderBy(asc(migration.seq))
    .limit(limit);
}

/** Records that the move's workflow was started. */
export async function setMigrationRun(db: Database, id: string, runId: string): Promise<void> {
  await db.update(migration).set({ runId }).where(eq(migration.id, id));
}

/**
 * Records how far a move is; a final state ends it. A move that has ended is not changed any more, and states do not go
 * back: an activity that is late or repeated changes nothing. Tells whether anything changed.
 */
export async function setMigrationState(
  db: Database,
  id: string,
  state: MigrationState,
  reason: string,
  causes: Cause[] = [],
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const final = FINAL_MIGRATION_STATES.includes(state);
    const changed = await tx
      .update(migration)
      .set({
        state,
        reason,
        causes,
        ...(final
          ? {
              endedAt: sql`now()`,
              totalMs: sql`coalesce(${migration.totalMs}, extract(epoch from (now() - ${migration.createdAt})) * 1000)`,
            }
          : {}),
      })
      .where(
        and(eq(migration.id, id), isNull(migration.endedAt), inArray(migration.state, statesBefore(state))),
      )
      .returning({ compute: migration.computeId });
    for (const moved of changed)
      await addEvent(tx, {
        type: `migration.${state}`,
        subject: id,
        message: reason,
        data: { ...moved, causes },
      });
    return changed.length === 1;
  });
}

/** The states from which `state` may be entered; itself too, for a better reason. */
function statesBefore(state: MigrationState): MigrationState[] {
  const at = OPEN_MIGRATION_STATES.indexOf(state);
  return OPEN_MIGRATION_STATES.slice(0, at === -1 ? undefined : at + 1);
}

/** Adds phases that have ended; the same phase again (name and start) only replaces its duration. */
export async function addPhases(db: Database, id: string, phases: Phase[]): Promise<void> {
  if (phases.length === 0) return;
  const rows = phases.map(({ name, startedAt, ms }) => ({
    migrationId: id,
    name,
    startedAt: new Date(startedAt),
    ms,
  }));
  await db
    .insert(migrationPhase)
    .values(rows)
    .onConflictDoUpdate({
      target: [migrationPhase.migrationId, migrationPhase.name, migrationPhase.startedAt],
      set: { ms: sql`excluded.ms` },
    });
}

/** Adds pre-copy rounds; the same round again replaces it. */
export async function addRounds(db: Database, id: string, rounds: Round[]): Promise<void> {
  for (const round of rounds) {
    await db
      .insert(migrationRound)
      .values({ migrationId: id, ...round })
      .onConflictDoUpdate({ target: [migrationRound.migrationId, migrationRound.round], set: round });
  }
}

export interface MigrationEnd {
  state: Extract<MigrationState, 'succeeded' | 'aborted' | 'rolledBack' | 'failed' | 'refused'>;
  reason: string;
  causes?: Cause[];
  frozenMs?: number | null;
  wireBytes?: number;
  tracker?: string | null;
  /** From the request to the end; without it, counted by the database's clock. */
  totalMs?: number;
}

/** Ends a move with its figures; false when it had ended before (nothing is changed then). */
export async function finishMigration(db: Database, id: string, end: MigrationEnd): Promise<boolean> {
  const { state, reason, causes = [], frozenMs, wireBytes, tracker, totalMs } = end;
  return db.transaction(async (tx) => {
    await setMigrationFigures(tx, id, { frozenMs, wireBytes, tracker, totalMs });
    return setMigrationState(tx, id, state, reason, causes);
  });
}

/** Records figures of a move that has not ended; what is undefined stays as it is. */
async function setMigrationFigures(
  db: Database,
  id: string,
  figures: {
    frozenMs?: number | null | undefined;
    wireBytes?: number | undefined;
    tracker?: string | null | undefined;
    totalMs?: number | undefined;
  },
): Promise<void> {
  if (Object.values(figures).every((value) => value === undefined)) return;
  await db
    .update(migration)
    .set(figures)
    .where(and(eq(migration.id, id), isNull(migration.endedAt)));
}

const source = alias(device, 'source');
const target = alias(device, 'target');

function records(db: Database) {
  return db
    .select({
      migration,
      compute: { id: compute.id, name: compute.name },
      tenant: { id: tenant.id, name: tenant.name },
      source: { id: source.id, name: source.name },
      target: { id: target.id, name: target.name },
    })
    .from(migration)
    .innerJoin(compute, eq(compute.id, migration.computeId))
    .innerJoin(tenant, eq(tenant.id, compute.tenantId))
    .innerJoin(source, eq(source.id, migration.sourceId))
    .innerJoin(target, eq(target.id, migration.targetId));
}

type Selected = Awaited<ReturnType<typeof records>>[number];

async function complete(db: Database, rows: Selected[]): Promise<MigrationView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.migration.id);
  const rounds = await db
    .select()
    .from(migrationRound)
    .where(inArray(migrationRound.migrationId, ids))
    .orderBy(asc(migrationRound.round));
  const phases = await db
    .select()
    .from(migrationPhase)
    .where(inArray(migrationPhase.migrationId, ids))
    .orderBy(asc(migrationPhase.startedAt));
  return rows.map(({ migration: row, ...references }) => ({
    id: row.id,
    ...references,
    state: row.state,
    reason: row.reason,
    causes: row.causes,
    epoch: row.epoch,
    tracker: row.tracker,
    trackerReason: row.trackerReason,
    restore: row.restoreMode && { mode: row.restoreMode, reason: row.restoreReason ?? '' },
    dryRun: row.dryRun,
    predicted: row.predicted,
    progress:
      row.progress && row.progressAt && row.endedAt === null
        ? { ...row.progress, at: row.progressAt.toISOString() }
        : null,
    throttle: row.throttle,
    rounds: rounds
      .filter(({ migrationId }) => migrationId === row.id)
      .map(({ migrationId: _, ...round }) => round),
    phases: phases
      .filter(({ migrationId }) => migrationId === row.id)
      .map(({ name, startedAt, ms }) => ({ name, startedAt: startedAt.toISOString(), ms })),
    frozenMs: row.frozenMs,
    wireBytes: row.wireBytes,
    totalMs: row.totalMs,
    workflowId: row.workflowId,
    runId: row.runId,
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    maxDowntimeMs: row.maxDowntimeMs,
    bandwidthMbit: row.bandwidthMbit,
    evacuation: row.evacuationId,
  }));
}

/** The row of a move. @throws DrayageError unknownMigration */
export async function getMigrationRow(db: Database, id: string): Promise<MigrationRow> {
  const [row] = await db.select().from(migration).where(eq(migration.id, id));
  if (!row) throw unknown('migration', id);
  return row;
}

/** The record of a move. @throws DrayageError unknownMigration */
export async function getMigration(db: Database, id: string): Promise<MigrationView> {
  const [found] = await complete(db, await records(db).where(eq(migration.id, id)));
  if (!found) throw unknown('migration', id);
  return found;
}

/** The same, of what the scope shows. @throws DrayageError unknownMigration, also for another tenant's */
export async function migrationInScope(db: Database, scope: Scope, id: string): Promise<MigrationView> {
  const condition = and(eq(migration.id, id), inScope(compute.tenantId, scope, true));
  const [found] = await complete(db, await records(db).where(condition));
  if (!found) throw unknown('migration', id);
  return found;
}

/** A tenant's moves, or (null) all tenants', newest first. */
export async function listMigrations(
  db: Database,
  tenantId: string | null,
  page: PageRequest & {
    compute?: string | undefined;
    /** Where they begin or end. */
    device?: string | undefined;
    states?: readonly MigrationState[];
  },
): Promise<Page<MigrationView>> {
  const { device: at, states = [] } = page;
  const before = cursorSequence(page.cursor);
  const rows = await records(db)
    .where(
      and(
        tenantId === null ? undefined : eq(compute.tenantId, tenantId),
        at === undefined ? undefined : or(eq(migration.sourceId, at), eq(migration.targetId, at)),
        states.length === 0 ? undefined : inArray(migration.state, states),
        page.compute === undefined ? undefined : eq(migration.computeId, page.compute),
        before === null ? undefined : lt(migration.seq, before),
      ),
    )
    .orderBy(desc(migration.seq))
    .limit(page.limit + 1);
  const { items, nextCursor } = toPage(
    rows.map((row) => ({ ...row, seq: row.migration.seq })),
    page.limit,
  );
  return { items: await complete(db, items), nextCursor };
}
