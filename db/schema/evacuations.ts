import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
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
import type {
  Caps,
  EvacuationKind,
  EvacuationState,
  ItemState,
  LeftoverPolicy,
} from '../../core/evacuation.ts';
import type { MoveOptions } from '../../core/migration.ts';
import type { MovePrediction } from '../../core/predictMove.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { computeGroup } from './computes.ts';
import { device } from './devices.ts';
import { migration } from './migrations.ts';

/** Many moves with one purpose: off a device, back to it, or to where computes do better. */
export const evacuation = pgTable(
  'evacuation',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    kind: text('kind').$type<EvacuationKind>().notNull(),
    /** The device that is emptied, or comes back; null of a rebalance. */
    deviceId: text('device_id').references(() => device.id),
    /** Of a return: the evacuation whose computes come back. */
    returnsId: text('returns_id').references((): AnyPgColumn => evacuation.id),
    state: text('state').$type<EvacuationState>().notNull(),
    /** One sentence: what it is doing, or how it ended. */
    reason: text('reason').notNull(),
    caps: jsonb('caps').$type<Caps>().notNull(),
    /** Of each of its moves. */
    options: jsonb('options').$type<MoveOptions>().notNull().default({}),
    policy: text('policy').$type<LeftoverPolicy>().notNull(),
    deadlineAt: instant('deadline_at'),
    /** Whether what left comes back when the device is uncordoned. */
    returnHome: text('return_home', { enum: ['no', 'asked', 'done'] })
      .notNull()
      .default('no'),
    /** A cancel that stops the moves that are under way, too. */
    abortMoves: boolean('abort_moves').notNull().default(false),
    /** When it was going to end, as it was planned first, and as it is now. */
    plannedEndAt: instant('planned_end_at'),
    predictedEndAt: instant('predicted_end_at'),
    actor: text('actor'),
    /** Empty until the workflow was started. */
    runId: text('run_id').notNull().default(''),
    createdAt: createdAt(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    uniqueIndex('evacuation_one_open')
      .on(table.deviceId)
      .where(sql`${table.endedAt} is null`),
    uniqueIndex('evacuation_one_rebalance')
      .on(table.kind)
      .where(sql`${table.endedAt} is null and ${table.kind} = 'rebalance'`),
    index('evacuation_device').on(table.deviceId, table.seq),
    check('evacuation_kind', sql`${table.kind} in ('evacuate', 'return', 'rebalance')`),
    check('evacuation_kind_device', sql`(${table.deviceId} is null) = (${table.kind} = 'rebalance')`),
    check('evacuation_kind_returns', sql`(${table.returnsId} is not null) = (${table.kind} = 'return')`),
    check('evacuation_policy', sql`${table.policy} in ('leave', 'stop')`),
    check(
      'evacuation_state',
      sql`${table.state} in ('running', 'paused', 'cancelling', 'succeeded', 'incomplete', 'cancelled', 'failed')`,
    ),
    check(
      'evacuation_ended',
      sql`(${table.endedAt} is null) = (${table.state} in ('running', 'paused', 'cancelling'))`,
    ),
  ],
);

/** What an evacuation has to do with one group of computes. */
export const evacuationItem = pgTable(
  'evacuation_item',
  {
    evacuationId: text('evacuation_id')
      .notNull()
      .references(() => evacuation.id, { onDelete: 'cascade' }),
    groupId: text('group_id')
      .notNull()
      .references(() => computeGroup.id),
    /** Names of its computes, as they were last. */
    name: text('name').notNull(),
    /** In the plan's order, from 0. */
    position: integer('position').notNull(),
    state: text('state').$type<ItemState>().notNull(),
    reason: text('reason').notNull().default(''),
    causes: jsonb('causes').$type<Cause[]>().notNull().default([]),
    /** Where it is, or was before its move. */
    sourceId: text('source_id')
      .notNull()
      .references(() => device.id),
    /** Where it is going to be, or was, moved; null: nowhere as things are. */
    targetId: text('target_id').references(() => device.id),
    /** Of a return and of a rebalance: only there. */
    onlyId: text('only_id').references(() => device.id),
    /** Devices where it was tried in vain. */
    avoid: jsonb('avoid').$type<string[]>().notNull().default([]),
    predicted: jsonb('predicted').$type<MovePrediction>(),
    startsAt: instant('starts_at'),
    endsAt: instant('ends_at'),
    attempts: integer('attempts').notNull().default(0),
    /** Not tried before. */
    retryAt: instant('retry_at'),
    /** Its last move. */
    migrationId: text('migration_id').references(() => migration.id),
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
  },
  (table) => [
    primaryKey({ columns: [table.evacuationId, table.groupId] }),
    index('evacuation_item_target')
      .on(table.targetId)
      .where(sql`${table.state} = 'waiting'`),
    index('evacuation_item_migration').on(table.migrationId),
    check(
      'evacuation_item_state',
      sql`${table.state} in ('waiting', 'moving', 'moved', 'left', 'stopped', 'gone')`,
    ),
    check('evacuation_item_moving', sql`${table.state} <> 'moving' or ${table.migrationId} is not null`),
  ],
);
