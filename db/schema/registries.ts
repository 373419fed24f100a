import { sql } from 'drizzle-orm';
import { check, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Cause } from '../../core/cause.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { image } from './images.ts';
import { tenant } from './tenants.ts';

/** How a tenant signs in at a registry. */
export const registryCredential = pgTable(
  'registry_credential',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    host: text('host').notNull(),
    username: text('username').notNull(),
    /** Sealed with a key of the installation, which is not in the database. */
    sealedPassword: text('sealed_password').notNull(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('registry_credential_host').on(table.tenantId, table.host)],
);

/** One attempt to get an image from a registry. */
export const imagePull = pgTable(
  'image_pull',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    reference: text('reference').notNull(),
    name: text('name').notNull(),
    architecture: text('architecture').notNull(),
    state: text('state').$type<'running' | 'succeeded' | 'failed'>().notNull().default('running'),
    causes: jsonb('causes').$type<Cause[]>().notNull().default([]),
    imageId: text('image_id').references(() => image.id, { onDelete: 'set null' }),
    manifestDigest: text('manifest_digest'),
    /** Account that asked for it. */
    actor: text('actor').notNull(),
    /** Empty until the workflow was started. */
    runId: text('run_id').notNull().default(''),
    createdAt: createdAt(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    index('image_pull_tenant').on(table.tenantId, table.seq),
    index('image_pull_image').on(table.imageId),
    check('image_pull_state', sql`${table.state} in ('running', 'succeeded', 'failed')`),
    check('image_pull_ended', sql`(${table.endedAt} is null) = (${table.state} = 'running')`),
  ],
);
