import { sql } from 'drizzle-orm';
import type { Sample } from '../core/metrics.ts';
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

/** The last moves of groups that came to an end as they should, by group, newest first. */
export async function pastMovesOf(db: Database, groups: string[]): Promise<Map<string, PastMove[]>> {
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

/** The most that the links from a device to others carried in its last moves, bytes a second, by the other device's id. */
export async function linkSpeeds(db: Database, source: string): Promise<Map<string, number>> {
  return (await linkSpeedsOf(db, [source])).get(source) ?? new Map<string, number>();
}

/** The same of several devices, by their ids. */
export async function linkSpeedsOf(
  db: Database,
  sources: readonly string[],
): Promise<Map<string, Map<string, number>>> {
  const rows = await db.execute<{ source: string; target: string; speed: number }>(sql`
    select s.id as source, m.target_id as target, max(r.link_bytes_per_second)::float8 as speed
    from unnest(${sql.param([...sources])}::text[]) as s (id)
    cross join lateral (
      select id, target_id from migration where source_id = s.id order by seq desc limit ${LINK_HISTORY}
    ) m join migration_round r on r.migration_id = m.id
    where r.link_bytes_per_second is not null
    group by s.id, m.target_id`);
  const speeds = new Map<string, Map<string, number>>();
  for (const { source, target, speed } of rows) {
    const own = speeds.get(source) ?? new Map<string, number>();
    speeds.set(source, own.set(target, speed));
  }
  return speeds;
}

/** What computes used when it was told last, by their ids; without those that have not told lately. */
export function memorySamples(db: Database, computeIds: string[]): Promise<Map<string, Sample>> {
  return newestSamples(db, computeIds, MEMORY_SECONDS);
}

/** Memory that these computes use all together, bytes; null when one of them has not told. */
export function memoryOf(samples: ReadonlyMap<string, Sample>, computeIds: readonly string[]): number | null {
  let sum = 0;
  for (const id of computeIds) {
    const sample = samples.get(id);
    if (sample === undefined) return null;
    sum += sample.memoryBytes;
  }
  return sum;
}
