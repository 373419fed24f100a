import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { Cause } from '../../core/cause.ts';
import type { StoredAttempt } from '../../core/migrationRecord.ts';
import type { MigrationState, PhaseName, Prediction, Progress, Round } from '../../core/migration.ts';
import type { TransferOutcome, Verdict } from '../../core/transfer.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { compute, computeGroup } from './computes.ts';
import { device } from './devices.ts';
import { evacuation } from './evacuations.ts';

export const migration = pgTable(
  'migration',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    groupId: text('group_id')
      .notNull()
      .references(() => computeGroup.id),
    /** The compute that was named in the request; the group's others move with it. */
    computeId: text('compute_id')
      .notNull()
      .references(() => compute.id),
    sourceId: text('source_id')
      .notNull()
      .references(() => device.id),
    targetId: text('target_id')
      .notNull()
      .references(() => device.id),
    state: text('state').$type<MigrationState>().notNull(),
    reason: text('reason').notNull(),
    causes: jsonb('causes').$type<Cause[]>().notNull().default([]),
    /** The epoch the group has (or would have had) on the target. */
    epoch: integer('epoch').notNull(),
    tracker: text('tracker'),
    trackerReason: text('tracker_reason'),
    restoreMode: text('restore_mode').$type<'lazy' | 'eager'>(),
    restoreReason: text('restore_reason'),
    maxDowntimeMs: integer('max_downtime_ms'),
    bandwidthMbit: doublePrecision('bandwidth_mbit'),
    allowThrottle: boolean('allow_throttle').notNull().default(false),
    endSessions: boolean('end_sessions').notNull().default(false),
    dryRun: boolean('dry_run').notNull().default(false),
    predicted: jsonb('predicted').$type<Prediction>(),
    progress: jsonb('progress').$type<Progress>(),
    progressAt: instant('progress_at'),
    /** The least share of processor time that the computes were given. */
    throttle: doublePrecision('throttle'),
    frozenMs: doublePrecision('frozen_ms'),
    wireBytes: bigint('wire_bytes', { mode: 'number' }).notNull().default(0),
    totalMs: doublePrecision('total_ms'),
    /** Steps that did not go well at once; null until they were read from Temporal, after the end. */
    attempts: jsonb('attempts').$type<StoredAttempt[]>(),
    /** Of which it is a part; that starts its workflow, too. */
    evacuationId: text('evacuation_id').references((): AnyPgColumn => evacuation.id),
    workflowId: text('workflow_id').notNull(),
    /** Empty until the workflow was started. */
    runId: text('run_id').notNull().default(''),
    createdAt: createdAt(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    index('migration_attempts_unsaved')
      .on(table.endedAt)
      .where(sql`${table.attempts} is null and ${table.endedAt} is not null`),
    uniqueIndex('migration_one_open')
      .on(table.groupId)
      .where(sql`${table.endedAt} is null`),
    index('migration_group').on(table.groupId, table.seq),
    index('migration_evacuation').on(table.evacuationId),
    index('migration_source').on(table.sourceId, table.seq),
    index('migration_compute').on(table.computeId, table.seq),
    check('migration_restore', sql`${table.restoreMode} in ('lazy', 'eager')`),
    check('migration_bandwidth', sql`${table.bandwidthMbit} > 0`),
    check('migration_throttle', sql`${table.throttle} > 0 and ${table.throttle} <= 1`),
    check('migration_devices', sql`${table.sourceId} <> ${table.targetId}`),
    check(
      'migration_state',
      sql`${table.state} in ('pending', 'preflight', 'preparing', 'precopying', 'switching', 'releasing', 'succeeded', 'aborted', 'rolledBack', 'failed', 'refused')`,
    ),
    check(
      'migration_ended',
      sql`(${table.endedAt} is not null) = (${table.state} in ('succeeded', 'aborted', 'rolledBack', 'failed', 'refused'))`,
    ),
  ],
);

export const migrationRound = pgTable(
  'migration_round',
  {
    migrationId: text('migration_id')
      .notNull()
      .references(() => migration.id, { onDelete: 'cascade' }),
    round: integer('round').notNull(),
    pages: bigint('pages', { mode: 'number' }).notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    wireBytes: bigint('wire_bytes', { mode: 'number' }).notNull(),
    ms: doublePrecision('ms').notNull(),
    dirtyPagesPerSecond: doublePrecision('dirty_pages_per_second').notNull(),
    scanMs: doublePrecision('scan_ms').notNull().default(0),
    lookedPages: bigint('looked_pages', { mode: 'number' }).notNull().default(0),
    zeroPages: bigint('zero_pages', { mode: 'number' }).notNull().default(0),
    knownPages: bigint('known_pages', { mode: 'number' }).notNull().default(0),
    linkBytesPerSecond: doublePrecision('link_bytes_per_second'),
    closing: boolean('closing').notNull().default(false),
    decision: text('decision').$type<Round['decision']>().notNull().default('switch'),
    reason: text('reason').notNull().default(''),
    expectedFreezeMs: doublePrecision('expected_freeze_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.migrationId, table.round] }),
    check('migration_round_number', sql`${table.round} >= 1`),
    check('migration_round_decision', sql`${table.decision} in ('round', 'switch', 'giveUp', 'throttle')`),
  ],
);

export const migrationPhase = pgTable(
  'migration_phase',
  {
    migrationId: text('migration_id')
      .notNull()
      .references(() => migration.id, { onDelete: 'cascade' }),
    name: text('name').$type<PhaseName>().notNull(),
    startedAt: instant('started_at').notNull(),
    ms: doublePrecision('ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.migrationId, table.name, table.startedAt] }),
    check('migration_phase_ms', sql`${table.ms} >= 0`),
  ],
);

/** One attempt to hand a group over; its id is new for every freeze. */
export const transfer = pgTable(
  'transfer',
  {
    /** 128 random bits, hex. */
    id: text('id').primaryKey(),
    migrationId: text('migration_id')
      .notNull()
      .references(() => migration.id),
    groupId: text('group_id')
      .notNull()
      .references(() => computeGroup.id),
    sourceId: text('source_id')
      .notNull()
      .references(() => device.id),
    targetId: text('target_id')
      .notNull()
      .references(() => device.id),
    /** The epoch under which the target would own the group. */
    epoch: integer('epoch').notNull(),
    verdict: text('verdict').$type<Verdict>().notNull().default('none'),
    outcome: text('outcome').$type<TransferOutcome>(),
    /** When the source said that its copy is gone. */
    releasedAt: instant('released_at'),
    createdAt: createdAt(),
    closedAt: instant('closed_at'),
  },
  (table) => [
    uniqueIndex('transfer_one_open')
      .on(table.groupId)
      .where(sql`${table.closedAt} is null`),
    index('transfer_migration').on(table.migrationId),
    check('transfer_id', sql`${table.id} ~ '^[0-9a-f]{32}$'`),
    check('transfer_devices', sql`${table.sourceId} <> ${table.targetId}`),
    check('transfer_epoch', sql`${table.epoch} >= 2`),
    check('transfer_verdict', sql`${table.verdict} in ('none', 'go', 'abort')`),
    check('transfer_outcome', sql`${table.outcome} in ('owner', 'discarded', 'thawed')`),
    check('transfer_owner', sql`${table.outcome} is distinct from 'owner' or ${table.verdict} = 'go'`),
    check('transfer_closed', sql`${table.closedAt} is null or ${table.verdict} <> 'none'`),
    check('transfer_outcome_closes', sql`${table.outcome} is null or ${table.closedAt} is not null`),
  ],
);
