import { bigint, timestamp } from 'drizzle-orm/pg-core';

/** A growing number per row: the order of lists and the content of their cursors. */
export const sequence = () =>
  bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity().notNull().unique();

/** An instant; the database's clock writes it, never the caller's. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export const createdAt = () => instant('created_at').notNull().defaultNow();
