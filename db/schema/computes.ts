import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { Cause } from '../../core/cause.ts';
import type { ComputeSpec, ComputeState } from '../../core/compute.ts';
import type { Health } from '../../core/healthCheck.ts';
import type { GivenUpdate, LastExit, LastUpdate, Observed } from '../../core/observed.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { device } from './devices.ts';
import { image } from './images.ts';
import { transfer } from './migrations.ts';
import { snapshot } from './snapshots.ts';
import { tenant } from './tenants.ts';

/** Computes that move as one; a lone compute is a group of one. The unit of ownership. */
export const computeGroup = pgTable(
  'compute_group',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    /** Of a group that somebody made; null of a lone compute's. */
    tenantId: text('tenant_id').references(() => tenant.id),
    name: text('name'),
    /** The last one that it was owned under before it became empty: the next one is higher. */
    epoch: integer('epoch').notNull().default(0),
    createdAt: createdAt(),
    /** The row outlives the group: migrations refer to it. */
    deletedAt: instant('deleted_at'),
  },
  (table) => [
    uniqueIndex('compute_group_name')
      .on(table.tenantId, table.name)
      .where(sql`${table.deletedAt} is null`),
    index('compute_group_tenant')
      .on(table.tenantId, table.seq)
      .where(sql`${table.deletedAt} is null`),
    check('compute_group_named', sql`(${table.tenantId} is null) = (${table.name} is null)`),
  ],
);

export const compute = pgTable(
  'compute',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    groupId: text('group_id')
      .notNull()
      .references(() => computeGroup.id),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    name: text('name').notNull(),
    /** Null once the compute is deleted, so that its image can go. */
    imageId: text('image_id').references(() => image.id),
    spec: jsonb('spec').$type<ComputeSpec>().notNull(),
    state: text('state').$type<ComputeState>().notNull(),
    /** One sentence: why it is in that state. */
    reason: text('reason').notNull().default(''),
    causes: jsonb('causes').$type<Cause[]>().notNull().default([]),
    desired: text('desired', { enum: ['running', 'stopped'] }).notNull(),
    /** What its check said last; null without one, and when it does not run. */
    health: jsonb('health').$type<Health & { at: string }>(),
    /** Of its last exit by itself. */
    exitCode: integer('exit_code'),
    lastExit: jsonb('last_exit').$type<LastExit>(),
    /** What its device told of it last. */
    observed: jsonb('observed').$type<Observed>(),
    /** What became of the last change that was asked for. */
    lastUpdate: jsonb('last_update').$type<LastUpdate & { given?: GivenUpdate }>(),
    restarts: integer('restarts').notNull().default(0),
    /** The snapshot that it still has to be restored from; null once it was, and of all others. */
    restoreOf: text('restore_of').references(() => snapshot.id),
    /** It is to go on from its last checkpoint, and does not yet. */
    recovers: boolean('recovers').notNull().default(false),
    /** Run id of the workflow that makes it; null until the workflow was started. */
    createRunId: text('create_run_id'),
    createdAt: createdAt(),
    /** The row outlives the compute: migrations refer to it. */
    deletedAt: instant('deleted_at'),
  },
  (table) => [
    uniqueIndex('compute_name')
      .on(table.tenantId, table.name)
      .where(sql`${table.deletedAt} is null`),
    index('compute_tenant')
      .on(table.tenantId, table.seq)
      .where(sql`${table.deletedAt} is null`),
    index('compute_group_id').on(table.groupId),
    index('compute_image').on(table.imageId),
    index('compute_restore').on(table.restoreOf),
    // The few of many that are looked for again and again: whatever is planned asks for the first two.
    index('compute_creating')
      .on(table.id)
      .where(sql`${table.state} = 'creating'`),
    index('compute_apart')
      .on(table.id)
      .where(sql`${table.spec} ? 'apart'`),
    index('compute_protected')
      .on(table.id)
      .where(sql`${table.spec} ? 'protection'`),
    index('compute_updating')
      .on(table.id)
      .where(sql`${table.lastUpdate} ->> 'state' = 'applying'`),
    check(
      'compute_state',
      sql`${table.state} in ('creating', 'running', 'stopped', 'migrating', 'failed', 'lost')`,
    ),
    check('compute_desired', sql`${table.desired} in ('running', 'stopped')`),
    check('compute_image_kept', sql`${table.imageId} is not null or ${table.deletedAt} is not null`),
  ],
);

/** IP and MAC of a compute, for its whole life. */
export const addressAllocation = pgTable(
  'address_allocation',
  {
    /** The IPv4 address as a number: the range check and the search for a free one are arithmetic. */
    ipNumber: bigint('ip_number', { mode: 'number' }).primaryKey(),
    ip: text('ip').notNull().unique(),
    mac: text('mac').notNull().unique(),
    computeId: text('compute_id')
      .notNull()
      .unique()
      .references(() => compute.id),
    createdAt: createdAt(),
  },
  (table) => [
    check('address_ip', sql`${table.ipNumber} between 0 and 4294967295`),
    check('address_mac', sql`${table.mac} ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'`),
  ],
);

/** Who owns a group: (device, epoch), changed by compare-and-set only, and the transfer that is under way. */
export const placement = pgTable(
  'placement',
  {
    groupId: text('group_id')
      .primaryKey()
      .references(() => computeGroup.id),
    deviceId: text('device_id')
      .notNull()
      .references(() => device.id),
    epoch: integer('epoch').notNull(),
    transferId: text('transfer_id')
      .unique()
      .references((): AnyPgColumn => transfer.id),
    changedAt: instant('changed_at').notNull().defaultNow(),
  },
  (table) => [
    index('placement_device').on(table.deviceId),
    check('placement_epoch', sql`${table.epoch} >= 1`),
  ],
);

/** Files that belong to a compute and move with it; those of a deleted compute are gone. */
export const volume = pgTable(
  'volume',
  {
    id: text('id')
      .primaryKey()
      .default(sql`'vol_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)`),
    seq: sequence(),
    computeId: text('compute_id')
      .notNull()
      .references(() => compute.id),
    name: text('name').notNull(),
    /** In the compute. */
    path: text('path').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('volume_name').on(table.computeId, table.name),
    check('volume_path', sql`${table.path} like '/%'`),
  ],
);

/** A port of every device that leads to a compute's. Freed when the compute is deleted. */
export const port = pgTable(
  'port',
  {
    protocol: text('protocol', { enum: ['tcp', 'udp'] }).notNull(),
    /** On the devices. */
    host: integer('host').notNull(),
    computeId: text('compute_id')
      .notNull()
      .references(() => compute.id),
    /** In the compute. */
    port: integer('port').notNull(),
  },
  (table) => [
    primaryKey({ name: 'port_taken', columns: [table.protocol, table.host] }),
    index('port_compute').on(table.computeId),
    check('port_protocol', sql`${table.protocol} in ('tcp', 'udp')`),
    check('port_host', sql`${table.host} between 1024 and 65535`),
    check('port_number', sql`${table.port} between 1 and 65535`),
  ],
);
