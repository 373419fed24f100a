import { bigint, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { createdAt } from './columns.ts';

/** What happened, in order; never changed after it was written. */
export const event = pgTable(
  'event',
  {
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    /** `compute.*`, `migration.*`, `device.*`, `image.*`, `token.*`, `account.*`. */
    type: text('type').notNull(),
    /** Id of what it happened to. */
    subject: text('subject').notNull(),
    /** Account or device that did it; null: the control plane itself. */
    actor: text('actor'),
    message: text('message').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull().default({}),
    at: createdAt(),
  },
  (table) => [index('event_subject').on(table.subject, table.id)],
);
