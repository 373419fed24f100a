import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  doublePrecision,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { TenantRole } from '../../core/tenancy.ts';
import { account } from './accounts.ts';
import { createdAt, instant, sequence } from './columns.ts';

/** Whose the computes and images are. */
export const tenant = pgTable(
  'tenant',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    name: text('name').notNull(),
    /** The most it may have; null: without end. */
    computes: integer('computes'),
    memoryBytes: bigint('memory_bytes', { mode: 'number' }),
    cpus: doublePrecision('cpus'),
    imageBytes: bigint('image_bytes', { mode: 'number' }),
    createdAt: createdAt(),
    /** The row outlives the tenant: what its computes did refers to it. */
    deletedAt: instant('deleted_at'),
  },
  (table) => [
    uniqueIndex('tenant_name')
      .on(table.name)
      .where(sql`${table.deletedAt} is null`),
    check(
      'tenant_quota',
      sql`least(${table.computes}, ${table.memoryBytes}, ${table.cpus}, ${table.imageBytes}) >= 0`,
    ),
  ],
);

export const membership = pgTable(
  'membership',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id, { onDelete: 'cascade' }),
    accountId: text('account_id')
      .notNull()
      .references(() => account.id, { onDelete: 'cascade' }),
    seq: sequence(),
    role: text('role').$type<TenantRole>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.accountId] }),
    index('membership_account').on(table.accountId),
    index('membership_tenant').on(table.tenantId, table.seq),
    check('membership_role', sql`${table.role} in ('viewer', 'member', 'owner')`),
  ],
);

/** Lets whoever has its secret join a tenant once. Only the secret's SHA-256 is kept. */
export const invitation = pgTable(
  'invitation',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id, { onDelete: 'cascade' }),
    email: text('email').notNull(),
    role: text('role').$type<TenantRole>().notNull(),
    secretHash: text('secret_hash').notNull().unique(),
    createdBy: text('created_by')
      .notNull()
      .references(() => account.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
    acceptedAt: instant('accepted_at'),
  },
  (table) => [
    index('invitation_tenant').on(table.tenantId, table.seq),
    check('invitation_role', sql`${table.role} in ('viewer', 'member', 'owner')`),
  ],
);

/** Who changed what, from where, and how it ended; also what was refused. Never changed after it was written. */
export const auditEntry = pgTable(
  'audit_entry',
  {
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    /** Null: nobody that is known. No reference: the entry outlives the account. */
    accountId: text('account_id'),
    email: text('email'),
    tenantId: text('tenant_id'),
    /** As in `POST /computes/:id/migrations`. */
    action: text('action').notNull(),
    /** What was named in the path; null where nothing was. */
    subject: text('subject'),
    /** Address of who asked. */
    address: text('address').notNull(),
    status: integer('status').notNull(),
    /** Codes of what spoke against it. */
    causes: text('causes').array().notNull().default([]),
    at: createdAt(),
  },
  (table) => [index('audit_tenant').on(table.tenantId, table.seq), index('audit_at').on(table.at)],
);
