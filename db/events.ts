import { and, asc, desc, eq, gt, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { EventFilter } from '../core/eventFilter.ts';
import { type Database, only } from './database.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { compute, event, eventKept, image, migration } from './schema/index.ts';

export interface NewEvent {
  type: string;
  subject: string;
  message: string;
  /** Whose it is, where the subject does not say it any more; else it is the tenant of the subject, if that has one. */
  tenantId?: string | undefined;
  actor?: string | undefined;
  data?: Record<string, unknown>;
}

export type Event = typeof event.$inferSelect;

/** How long events are kept; docs/events.md says so too. */
export const EVENTS_KEPT_DAYS = 7;

/** Writes down what happened; in a transaction, together with the change itself. */
export async function addEvent(db: Database, happened: NewEvent): Promise<void> {
  const { data = {}, tenantId = tenantOf(happened.subject), ...rest } = happened;
  await db.insert(event).values({ ...rest, tenantId, data });
}

/** Whose something is, by its id; null for what is the installation's. */
function tenantOf(subject: string) {
  if (subject.startsWith('tnt_')) return subject;
  if (subject.startsWith('cmp_'))
    return sql`(select ${compute.tenantId} from ${compute} where ${compute.id} = ${subject})`;
  if (subject.startsWith('img_'))
    return sql`(select ${image.tenantId} from ${image} where ${image.id} = ${subject})`;
  if (subject.startsWith('mig_'))
    return sql`(select ${compute.tenantId} from ${migration} join ${compute} on ${compute.id} = ${migration.computeId} where ${migration.id} = ${subject})`;
  return null;
}

/** Everything that happened to one thing, oldest first. */
export async function eventsOf(db: Database, subject: string): Promise<Event[]> {
  return db.select().from(event).where(eq(event.subject, subject)).orderBy(asc(event.id));
}

/** What has happened, newest first, of what the filter lets through. */
export async function eventHistory(
  db: Database,
  { tenants, types, subject }: EventFilter,
  page: PageRequest,
): Promise<Page<Event>> {
  const before = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(event)
    .where(
      and(
        tenants === 'all' ? undefined : or(inArray(event.tenantId, [...tenants]), ofDevices),
        types.length === 0 ? undefined : or(...types.map(ofType)),
        subject === undefined ? undefined : eq(event.subject, subject),
        before === null ? undefined : lt(event.id, before),
      ),
    )
    .orderBy(desc(event.id))
    .limit(page.limit + 1);
  const { items, nextCursor } = toPage(
    rows.map((row) => ({ ...row, seq: row.id })),
    page.limit,
  );
  return { items, nextCursor };
}

/** Those that everybody may see (core/eventFilter.ts). */
const ofDevices = and(isNull(event.tenantId), sql`starts_with(${event.type}, 'device.')`);

/** `compute.running`, or `compute.*` for all that begin so. */
function ofType(pattern: string) {
  return pattern.endsWith('*')
    ? sql`starts_with(${event.type}, ${pattern.slice(0, -1)})`
    : eq(event.type, pattern);
}

/**
 * The events after one that was read, oldest first, at most `limit`. What is committed later gets a higher id, so reading
 * on from the last of them misses nothing. `kept` is false when some of those that came after it were removed meanwhile.
 */
export async function eventsAfter(
  db: Database,
  after: number,
  limit: number,
): Promise<{ events: Event[]; kept: boolean }> {
  const events = await db.select().from(event).where(gt(event.id, after)).orderBy(asc(event.id)).limit(limit);
  // Afterwards: what was removed while the events were read counts too.
  const { removedThrough } = only(await db.select().from(eventKept));
  return { events, kept: removedThrough <= after };
}

/** The id of the newest event, also when it was removed already; 0 before the first. */
export async function newestEvent(db: Database): Promise<number> {
  const newest = sql<number>`greatest(${eventKept.removedThrough}, (select max(id) from event))`;
  return only(await db.select({ id: newest.mapWith(Number) }).from(eventKept)).id;
}

/** Removes all events before the first that is younger than EVENTS_KEPT_DAYS. */
export async function removeOldEvents(db: Database): Promise<void> {
  await db.execute(sql`
    with bound as (
      select coalesce(
        (select id from event where created_at >= now() - make_interval(days => ${EVENTS_KEPT_DAYS}) order by id limit 1),
        (select max(id) + 1 from event)
      ) as id
    ), gone as (
      delete from event using bound where event.id < bound.id returning event.id
    )
    update event_kept set removed_through = (select max(id) from gone) where exists (select from gone)`);
}
