import { and, asc, desc, eq, gt, inArray, lt, or, sql } from 'drizzle-orm';
import { RESOLUTIONS, resolutionFor, type MetricsReport, type Sample } from '../core/metrics.ts';
import type { Database } from './database.ts';
import { compute, metric, placement } from './schema/index.ts';

/**
 * Adds what a device tells, to the span of each resolution that is now. Of computes only those count that the device owns:
 * a copy that it has left says nothing of the compute.
 */
export async function addMetrics(db: Database, deviceId: string, report: MetricsReport): Promise<void> {
  const owned = await ownedBy(
    db,
    deviceId,
    report.computes.map(({ id }) => id),
  );
  const told = [
    { subject: deviceId, sample: report.device },
    ...report.computes.filter(({ id }) => owned.has(id)).map(({ id, sample }) => ({ subject: id, sample })),
  ];
  const rows = told.flatMap(({ subject, sample }) =>
    RESOLUTIONS.map(({ seconds }) => ({
      ...{ subject, resolutionSeconds: seconds, ...sample },
      at: sql`to_timestamp(floor(extract(epoch from now()) / ${seconds}) * ${seconds})`,
    })),
  );
  await db
    .insert(metric)
    .values(rows)
    .onConflictDoUpdate({
      target: [metric.subject, metric.resolutionSeconds, metric.at],
      set: { ...means(), samples: sql`${metric.samples} + 1` },
    });
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
  return Object.fromEntries(
    Object.entries(COLUMNS).map(([name, column]) => [
      name,
      sql`${column} + (excluded.${sql.identifier(column.name)} - ${column}) / (${metric.samples} + 1)`,
    ]),
  );
}

async function ownedBy(db: Database, deviceId: string, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .select({ id: compute.id })
    .from(compute)
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .where(and(inArray(compute.id, ids), eq(placement.deviceId, deviceId)));
  return new Set(rows.map(({ id }) => id));
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
  const rows = await db
    .selectDistinctOn([metric.subject], { subject: metric.subject, ...COLUMNS })
    .from(metric)
    .where(
      and(
        ...[inArray(metric.subject, subjects), eq(metric.resolutionSeconds, 10)],
        gt(metric.at, sql`now() - make_interval(secs => ${withinSeconds})`),
      ),
    )
    .orderBy(metric.subject, desc(metric.at));
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
