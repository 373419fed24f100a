import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Cause } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { DeviceClass } from '../../core/deviceClass.ts';
import type { SnapshotContent, SnapshotState } from '../../core/snapshot.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { device } from './devices.ts';
import { image } from './images.ts';
import { tenant } from './tenants.ts';

/** A compute at one moment; its parts lie in DATA_DIR/snapshots. */
export const snapshot = pgTable(
  'snapshot',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    name: text('name').notNull(),
    note: text('note').notNull().default(''),
    /** Of which it is. No reference: it outlives the compute, and may come from another installation. */
    computeId: text('compute_id').notNull(),
    computeName: text('compute_name').notNull(),
    /** Null when it was imported, and its image was not there. */
    imageId: text('image_id').references(() => image.id),
    spec: jsonb('spec').$type<ComputeSpec>().notNull(),
    /** Of the device that it was made on. */
    class: jsonb('class').$type<DeviceClass>().notNull(),
    /** That it was made on; null of one that was imported. */
    deviceId: text('device_id').references(() => device.id),
    state: text('state').$type<SnapshotState>().notNull(),
    /** One sentence: why it is in that state. */
    reason: text('reason').notNull().default(''),
    causes: jsonb('causes').$type<Cause[]>().notNull().default([]),
    /** Of all parts; while it is made, what it is expected to take. */
    bytes: bigint('bytes', { mode: 'number' }).notNull().default(0),
    /** Null until it is ready. */
    content: jsonb('content').$type<SnapshotContent>(),
    takenAt: instant('taken_at'),
    imported: boolean('imported').notNull().default(false),
    /** Who made it. No reference: the record outlives the account. */
    actor: text('actor').notNull(),
    workflowId: text('workflow_id').notNull().default(''),
    /** Empty until the workflow was started. */
    runId: text('run_id').notNull().default(''),
    createdAt: createdAt(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    uniqueIndex('snapshot_name')
      .on(table.tenantId, table.name)
      .where(sql`${table.state} <> 'failed'`),
    index('snapshot_tenant').on(table.tenantId, table.seq),
    index('snapshot_compute').on(table.computeId),
    index('snapshot_image').on(table.imageId),
    index('snapshot_open')
      .on(table.state)
      .where(sql`${table.state} = 'creating'`),
    check('snapshot_state', sql`${table.state} in ('creating', 'ready', 'failed')`),
    check('snapshot_ended', sql`(${table.endedAt} is null) = (${table.state} = 'creating')`),
    check(
      'snapshot_content',
      sql`(${table.content} is not null and ${table.takenAt} is not null) = (${table.state} = 'ready')`,
    ),
    check('snapshot_bytes', sql`${table.bytes} >= 0`),
  ],
);
