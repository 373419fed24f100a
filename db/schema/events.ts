import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { createdAt } from './columns.ts';

/** What happened, in order; never changed after it was written. */
export const event = pgTable(
  'event',
  {
    /**
     * Its place in the order in which events became visible: a trigger gives it at the very end of the transaction, under
     * a lock, so whoever has read up to N will find nothing new below N. What an INSERT returns is not yet the final one.
     */
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    /** `compute.*`, `migration.*`, `device.*`, `image.*`, `token.*`, `account.*`. */
    type: text('type').notNull(),
    /** Id of what it happened to. */
    subject: text('subject').notNull(),
    /** Whose it is; null: the installation's. */
    tenantId: text('tenant_id'),
    /** Account or device that did it; null: the control plane itself. */
    actor: text('actor'),
    message: text('message').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull().default({}),
    at: createdAt(),
  },
  (table) => [index('event_subject').on(table.subject, table.id)],
);

/** One row: up to which id events were removed for their age. Who has read less has missed some. */
export const eventKept = pgTable(
  'event_kept',
  {
    only: boolean('only').primaryKey().default(true),
    removedThrough: bigint('removed_through', { mode: 'number' }).notNull().default(0),
  },
  (table) => [check('event_kept_only', sql`${table.only}`)],
);
