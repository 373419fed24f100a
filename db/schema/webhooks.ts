import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { createdAt, instant, sequence } from './columns.ts';
import { tenant } from './tenants.ts';

/** Where a tenant's events are sent, and how far that is. */
export const webhook = pgTable(
  'webhook',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id, { onDelete: 'cascade' }),
    url: text('url').notNull(),
    /** As in the stream of events; none: every type. */
    types: text('types').array().notNull(),
    /** What messages are signed with, encrypted by a key that is not in the database. */
    sealedSecret: text('sealed_secret').notNull(),
    /** All its events up to this id were taken. */
    cursor: bigint('cursor', { mode: 'number' }).notNull(),
    enabled: boolean('enabled').notNull().default(true),
    /** Why it was ended; null while it is enabled, or when its owner has ended it. */
    disabledReason: text('disabled_reason'),
    /** Attempts of the event after the cursor that have failed, and when the first did. */
    failures: integer('failures').notNull().default(0),
    failingSince: instant('failing_since'),
    nextAttemptAt: instant('next_attempt_at'),
    /** The process that delivers, and until when nobody else may: it tells again before that. */
    leaseOwner: text('lease_owner'),
    leasedUntil: instant('leased_until'),
    createdAt: createdAt(),
  },
  (table) => [
    index('webhook_tenant').on(table.tenantId, table.seq),
    check('webhook_failures', sql`(${table.failures} > 0) = (${table.failingSince} is not null)`),
    check('webhook_lease', sql`(${table.leaseOwner} is null) = (${table.leasedUntil} is null)`),
  ],
);

/** The last attempts of each webhook. */
export const webhookDelivery = pgTable(
  'webhook_delivery',
  {
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    webhookId: text('webhook_id')
      .notNull()
      .references(() => webhook.id, { onDelete: 'cascade' }),
    messageId: text('message_id').notNull(),
    type: text('type').notNull(),
    attempt: integer('attempt').notNull(),
    delivered: boolean('delivered').notNull(),
    /** Of the answer; null when there was none. */
    status: integer('status'),
    reason: text('reason').notNull(),
    ms: integer('ms').notNull(),
    at: createdAt(),
  },
  (table) => [index('webhook_delivery_webhook').on(table.webhookId, table.seq)],
);
