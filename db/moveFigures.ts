import { sql, type SQL } from 'drizzle-orm';
import { type Database, only } from './database.ts';

/** What Prometheus wants of a histogram: how many are at most each bound, seconds; all of them; and their sum, seconds. */
export interface Distribution {
  atMost: number[];
  count: number;
  sum: number;
}

/** How many moves have come to each end; a dry run is none. */
export async function countMoves(db: Database): Promise<{ state: string; count: number }[]> {
  return db.execute<{ state: string; count: number }>(
    sql`select state, count(*)::int as count from migration where ended_at is not null and not dry_run group by state order by state`,
  );
}

/** How long computes were frozen in moves that succeeded. */
export function frozenTimes(db: Database, bounds: readonly number[]): Promise<Distribution> {
  return distribution(
    db,
    bounds,
    sql`select frozen_ms / 1000 as value from migration where state = 'succeeded' and frozen_ms is not null`,
  );
}

/**
 * The gap that clients of moved computes saw, as far as the record knows it: frozen until the target was ready, and then the
 * target's hand-over and the opening of its queues. Durations only, so the devices' clocks do not matter.
 */
export function clientGaps(db: Database, bounds: readonly number[]): Promise<Distribution> {
  return distribution(
    db,
    bounds,
    sql`select (frozen_ms + sum(ms)) / 1000 as value from migration
      join migration_phase on migration_id = id and name in ('handOver', 'unplug')
      where state = 'succeeded' and frozen_ms is not null group by id`,
  );
}

async function distribution(db: Database, bounds: readonly number[], values: SQL): Promise<Distribution> {
  const counts = sql.join(
    bounds.map((bound) => sql`count(*) filter (where value <= ${bound}::float8)::int`),
    sql`, `,
  );
  const row = only(
    await db.execute<{ atMost: number[]; count: number; sum: number }>(
      sql`select array[${counts}] as "atMost", count(*)::int as count, coalesce(sum(value), 0)::float8 as sum
        from (${values}) as figures`,
    ),
  );
  return { atMost: row.atMost, count: row.count, sum: row.sum };
}
