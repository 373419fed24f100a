import { and, desc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Prediction, Progress } from '../core/migration.ts';
import type { RecordedPlan } from '../core/migrationRecord.ts';
import type { Database } from './database.ts';
import { compute, migration } from './schema/index.ts';

/** Moves that say what a freeze of a compute costs; older ones were made under other circumstances. */
const HISTORY = 5;

/** Records how the memory of a move is copied and restored, and why so. */
export async function setMemoryPlan(
  db: Database,
  id: string,
  { tracker, restore }: RecordedPlan,
): Promise<void> {
  await db
    .update(migration)
    .set({
      tracker: tracker.name,
      trackerReason: tracker.reason,
      restoreMode: restore.mode,
      restoreReason: restore.reason,
    })
    .where(eq(migration.id, id));
}

/** Records what the switch is expected to cost. */
export async function setPrediction(db: Database, id: string, predicted: Prediction): Promise<void> {
  await db.update(migration).set({ predicted }).where(eq(migration.id, id));
}

/** Records the least share of processor time that the computes were given. */
export async function setThrottle(db: Database, id: string, share: number): Promise<void> {
  await db
    .update(migration)
    .set({ throttle: sql`least(coalesce(${migration.throttle}, 1), ${share})` })
    .where(eq(migration.id, id));
}

/** Records how far a move is, as its source tells; of a move that has ended, or of another source, nothing. */
export async function setProgress(
  db: Database,
  id: string,
  source: string,
  progress: Progress,
): Promise<void> {
  await db
    .update(migration)
    .set({ progress, progressAt: sql`now()` })
    .where(and(eq(migration.id, id), eq(migration.sourceId, source), isNull(migration.endedAt)));
}

export interface OpenProgress {
  id: string;
  tenantId: string;
  progress: Progress | null;
  /** When it was written. */
  at: Date | null;
}

/** How far each move is that has not ended. */
export async function openProgress(db: Database): Promise<OpenProgress[]> {
  return db
    .select({
      ...{ id: migration.id, progress: migration.progress, at: migration.progressAt },
      tenantId: compute.tenantId,
    })
    .from(migration)
    .innerJoin(compute, eq(compute.id, migration.computeId))
    .where(isNull(migration.endedAt));
}

/** The shortest freeze of these computes' last moves, milliseconds; null when there was none. */
export async function freezeHistory(db: Database, computeIds: string[]): Promise<number | null> {
  const rows = await db
    .select({ frozenMs: migration.frozenMs })
    .from(migration)
    .where(and(inArray(migration.computeId, computeIds), eq(migration.state, 'succeeded')))
    .orderBy(desc(migration.seq))
    .limit(HISTORY);
  const known = rows.flatMap(({ frozenMs }) => (frozenMs === null ? [] : [frozenMs]));
  return known.length === 0 ? null : Math.min(...known);
}
