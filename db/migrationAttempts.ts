import { and, asc, eq, isNotNull, isNull, ne, sql } from 'drizzle-orm';
import type { StoredAttempt } from '../core/migrationRecord.ts';
import type { Database } from './database.ts';
import { migration } from './schema/index.ts';

/** What was not kept a day after the end cannot be: Temporal has forgotten it, or never had it. */
const KEPT_WITHIN_DAYS = 1;

/** The attempts that were kept of a move; null when they were not yet. */
export async function savedAttempts(db: Database, id: string): Promise<StoredAttempt[] | null> {
  const [row] = await db.select({ attempts: migration.attempts }).from(migration).where(eq(migration.id, id));
  return row?.attempts ?? null;
}

/** Moves that have ended and whose attempts are not kept yet, oldest first. */
export async function unsavedAttempts(db: Database, limit: number) {
  return db
    .select({ id: migration.id, workflowId: migration.workflowId, runId: migration.runId })
    .from(migration)
    .where(
      and(
        ...[isNull(migration.attempts), isNotNull(migration.endedAt), ne(migration.runId, '')],
        sql`${migration.endedAt} > now() - make_interval(days => ${KEPT_WITHIN_DAYS})`,
      ),
    )
    .orderBy(asc(migration.endedAt))
    .limit(limit);
}

export async function saveAttempts(db: Database, id: string, attempts: StoredAttempt[]): Promise<void> {
  await db.update(migration).set({ attempts }).where(eq(migration.id, id));
}
