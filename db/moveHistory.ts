import { and, desc, eq, isNotNull, sql } from 'drizzle-orm';
import type { PastMove } from '../core/predictMove.ts';
import type { Database } from './database.ts';
import { newestSamples } from './metrics.ts';
import { migration } from './schema/index.ts';

/** Older moves were made under other circumstances. */
const HISTORY = 5;
/** So many last moves of a device tell what its links carry. */
const LINK_HISTORY = 50;
/** For so long single samples are kept (core/metrics.ts). */
const MEMORY_SECONDS = 3_600;

/** The last moves of a group that came to an end as they should, newest first. */
export async function pastMoves(db: Database, group: string): Promise<PastMove[]> {
  const rows = await db
    .select({
      ...{ frozenMs: migration.frozenMs, wireBytes: migration.wireBytes, totalMs: migration.totalMs },
    })
    .from(migration)
    .where(and(eq(migration.groupId, group), eq(migration.state, 'succeeded'), isNotNull(migration.frozenMs)))
    .orderBy(desc(migration.seq))
    .limit(HISTORY);
  return rows.map(({ frozenMs, wireBytes, totalMs }) => ({
    ...{ frozenMs: frozenMs ?? 0, wireBytes, totalMs: totalMs ?? 0 },
  }));
}

/** The most that the links from a device to others carried in its last moves, bytes a second, by the other device's id. */
export async function linkSpeeds(db: Database, source: string): Promise<Map<string, number>> {
  const rows = await db.execute<{ target: string; speed: number }>(sql`
    select m.target_id as target, max(r.link_bytes_per_second)::float8 as speed
    from (
      select id, target_id from migration where source_id = ${source} order by seq desc limit ${LINK_HISTORY}
    ) m join migration_round r on r.migration_id = m.id
    where r.link_bytes_per_second is not null
    group by m.target_id`);
  return new Map(rows.map(({ target, speed }) => [target, speed]));
}

/** Memory that computes used when it was told last, bytes, all together; null when it was not for one of them. */
export async function memoryInUse(db: Database, computeIds: string[]): Promise<number | null> {
  const samples = await newestSamples(db, computeIds, MEMORY_SECONDS);
  if (samples.size < computeIds.length) return null;
  return [...samples.values()].reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}
