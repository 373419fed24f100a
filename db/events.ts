import { asc, eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { event } from './schema/index.ts';

export interface NewEvent {
  type: string;
  subject: string;
  message: string;
  actor?: string | undefined;
  data?: Record<string, unknown>;
}

export type Event = typeof event.$inferSelect;

/** Writes down what happened; in a transaction, together with the change itself. */
export async function addEvent(db: Database, happened: NewEvent): Promise<void> {
  await db.insert(event).values({ ...happened, data: happened.data ?? {} });
}

/** Everything that happened to one thing, oldest first. */
export async function eventsOf(db: Database, subject: string): Promise<Event[]> {
  return db.select().from(event).where(eq(event.subject, subject)).orderBy(asc(event.id));
}
