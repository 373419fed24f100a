import { and, asc, eq, gt, lt, or, sql } from 'drizzle-orm';
import { RESOLUTIONS, resolutionFor, type MetricsReport, type Sample } from '../core/metrics.ts';
import type { Database } from './database.ts';
import { metric } from './schema/index.ts';

/**
 * Adds what a device tells, to the span of each resolution that is now. Of computes only those count that the device owns:
 * a copy that it has left says nothing of the compute.
 */
export async function addMetrics(db: Database, deviceId: string, report: MetricsReport): Promise<void> {
  const told = [{ id: deviceId, sample: report.device }, ...report.computes];
  const texts = (of: (one: (typeof told)[number]) => string) => sql`${sql.param(told.map(of))}::text[]`;
  const figures = (name: keyof Sample) => sql`${sql.param(told.map(({ sample }) => sample[name]))}::float8[]`;
  const seconds = sql.param(RESOLUTIONS.map((resolution) => resolution.seconds));
  // One statement whose text is the same however much is told: it is planned once.
  await db.execute(sql`
    insert into metric as m (subject, resolution_seconds, at, cpus, memory_bytes, disk_bytes,
      received_bytes_per_second, sent_bytes_per_second)
    select t.subject, r.seconds, to_timestamp(floor(extract(epoch from now()) / r.seconds) * r.seconds),
      t.cpus, t.memory, t.disk, t.received, t.sent
    from unnest(${texts(({ id }) => id)}, ${figures('cpus')}, ${figures('memoryBytes')}, ${figures('diskBytes')},
        ${figures('receivedBytesPerSecond')}, ${figures('sentBytesPerSecond')})
        as t (subject, cpus, memory, disk, received, sent)
      cross join unnest(${seconds}::int[]) as r (seconds)
    where t.subject = ${deviceId} or exists (
      select from compute k join placement p on p.group_id = k.group_id
      where k.id = t.subject and p.device_id = ${deviceId})
    on conflict (subject, resolution_seconds, at) do update set samples = m.samples + 1, ${means()}`);
}

const COLUMNS = {
  cpus: metric.cpus,
  memoryBytes: metric.memoryBytes,
  diskBytes: metric.diskBytes,
  receivedBytesPerSecond: metric.receivedBytesPerSecond,
  sentBytesPerSecond: metric.sentBytesPerSecond,
};

/** Each column becomes the mean of what was there, so many times, and the new one. */
function means() {
  const columns = Object.values(COLUMNS).map(({ name }) => sql.identifier(name));
  return sql.join(
    columns.map((name) => sql`${name} = m.${name} + (excluded.${name} - m.${name}) / (m.samples + 1)`),
    sql`, `,
  );
}

/** Of the last so many seconds, oldest first, as finely as it is kept for so long. */
export async function metricsOf(
  db: Database,
  subject: string,
  backSeconds: number,
): Promise<{ resolutionSeconds: number; items: (Sample & { at: Date })[] }> {
  const resolutionSeconds = resolutionFor(backSeconds);
  const items = await db
    .select({ at: metric.at, ...COLUMNS })
    .from(metric)
    .where(
      and(
        eq(metric.subject, subject),
        eq(metric.resolutionSeconds, resolutionSeconds),
        gt(metric.at, sql`now() - make_interval(secs => ${backSeconds})`),
      ),
    )
    .orderBy(asc(metric.at));
  return { resolutionSeconds, items };
}

/** What devices or computes used last, by their ids; without those that have told nothing for so many seconds. */
export async function newestSamples(
  db: Database,
  subjects: string[],
  withinSeconds: number,
): Promise<Map<string, Sample>> {
  if (subjects.length === 0) return new Map();
  const rows = await db.execute<{ subject: string } & Sample>(sql`
    select s.subject, m.cpus, m.memory_bytes as "memoryBytes", m.disk_bytes as "diskBytes",
      m.received_bytes_per_second as "receivedBytesPerSecond", m.sent_bytes_per_second as "sentBytesPerSecond"
    from unnest(${sql.param(subjects)}::text[]) as s (subject)
    cross join lateral (
      select * from metric
      where subject = s.subject and resolution_seconds = 10 and at > now() - make_interval(secs => ${withinSeconds})
      order by at desc limit 1
    ) m`);
  return new Map(rows.map(({ subject, ...sample }) => [subject, sample]));
}

/** Deletes what is older than its resolution is kept. */
export async function removeOldMetrics(db: Database): Promise<void> {
  const old = RESOLUTIONS.map(({ seconds, keptSeconds }) =>
    and(
      eq(metric.resolutionSeconds, seconds),
      lt(metric.at, sql`now() - make_interval(secs => ${keptSeconds})`),
    ),
  );
  await db.delete(metric).where(or(...old));
}
