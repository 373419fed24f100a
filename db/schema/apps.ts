import { sql } from 'drizzle-orm';
import { bigint, check, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import type { AppManifest, Runtime } from '../../core/appManifest.ts';
import type { AppState } from '../../core/application.ts';
import type { Cause } from '../../core/cause.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { compute } from './computes.ts';
import { device } from './devices.ts';
import { image } from './images.ts';
import { tenant } from './tenants.ts';

/** What applications of a runtime are built on; the operator's choice. */
export const runtimeBase = pgTable(
  'runtime_base',
  {
    runtime: text('runtime').$type<Runtime>().primaryKey(),
    imageId: text('image_id')
      .notNull()
      .references(() => image.id),
    setAt: instant('set_at').notNull().defaultNow(),
  },
  (table) => [
    index('runtime_base_image').on(table.imageId),
    check('runtime_base_runtime', sql`${table.runtime} in ('node', 'python')`),
  ],
);

/** An application that was uploaded, and how far it is; its archive lies in DATA_DIR/apps until the build has ended. */
export const app = pgTable(
  'app',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    name: text('name').notNull(),
    runtime: text('runtime').$type<Runtime>().notNull(),
    manifest: jsonb('manifest').$type<AppManifest>().notNull(),
    /** The base image as it was then. */
    base: jsonb('base').$type<{ id: string; digest: string }>().notNull(),
    deviceId: text('device_id')
      .notNull()
      .references(() => device.id),
    /** Of its files. */
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    state: text('state').$type<AppState>().notNull(),
    /** One sentence: why it is in that state. */
    reason: text('reason').notNull().default(''),
    causes: jsonb('causes').$type<Cause[]>().notNull().default([]),
    log: text('log').array().notNull().default([]),
    imageId: text('image_id').references(() => image.id, { onDelete: 'set null' }),
    computeId: text('compute_id').references(() => compute.id),
    /** Who uploaded it. No reference: the record outlives the account. */
    actor: text('actor').notNull(),
    /** Empty until the workflow was started. */
    runId: text('run_id').notNull().default(''),
    createdAt: createdAt(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    index('app_tenant').on(table.tenantId, table.seq),
    index('app_open')
      .on(table.tenantId)
      .where(sql`${table.endedAt} is null`),
    index('app_image').on(table.imageId),
    check('app_runtime', sql`${table.runtime} in ('node', 'python')`),
    check(
      'app_state',
      sql`${table.state} in ('queued', 'fetching', 'building', 'storing', 'starting', 'running', 'failed')`,
    ),
    check('app_ended', sql`(${table.endedAt} is not null) = (${table.state} in ('running', 'failed'))`),
  ],
);
