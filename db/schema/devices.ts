import { sql } from 'drizzle-orm';
import { bigint, check, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Inventory } from '../../core/device.ts';
import { account } from './accounts.ts';
import { createdAt, instant, sequence } from './columns.ts';

/**
 * A device. `state` is what was decided about it; that it is unreachable is a fact beside it (`unreachable_at`), so that
 * a cordoned device that comes back is still cordoned.
 */
export const device = pgTable(
  'device',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    name: text('name').notNull(),
    state: text('state', {
      enum: ['discovered', 'pending', 'ready', 'cordoned', 'draining', 'drained', 'retired'],
    }).notNull(),
    /** SHA-256 (hex) of the public key its certificate was issued for, or of a discovered device's that has none yet. */
    publicKeyHash: text('public_key_hash').notNull(),
    /** When the certificate with that key was issued, or before: one that was issued later is newer. */
    certifiedAt: instant('certified_at').notNull().defaultNow(),
    /** How far its clock is ahead of the control plane's, milliseconds; null when it has not said. */
    clockOffsetMs: bigint('clock_offset_ms', { mode: 'number' }),
    /** Where it is, for a person. */
    location: text('location'),
    labels: jsonb('labels').$type<Record<string, string>>().notNull().default({}),
    /** Of which it is by its inventory (classIdOf); null until it has said something since this column is there. */
    classId: text('class_id'),
    inventory: jsonb('inventory').$type<Inventory>().notNull(),
    lastHeartbeatAt: instant('last_heartbeat_at').notNull().defaultNow(),
    unreachableAt: instant('unreachable_at'),
    createdAt: createdAt(),
  },
  (table) => [
    // What a discovered device calls itself takes the name from nobody: it is asked for when the device is approved.
    uniqueIndex('device_name')
      .on(table.name)
      .where(sql`${table.state} not in ('discovered', 'retired')`),
    // A key is one device's. Those of removed devices stay: they are refused.
    uniqueIndex('device_key')
      .on(table.publicKeyHash)
      .where(sql`${table.state} <> 'retired'`),
    index('device_public_key').on(table.publicKeyHash),
    index('device_class').on(table.classId),
    check(
      'device_state',
      sql`${table.state} in ('discovered', 'pending', 'ready', 'cordoned', 'draining', 'drained', 'retired')`,
    ),
  ],
);

/** A secret with which one device may join once. */
export const joinToken = pgTable(
  'join_token',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    secretHash: text('secret_hash').notNull().unique(),
    createdBy: text('created_by')
      .notNull()
      .references(() => account.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
    usedAt: instant('used_at'),
    deviceId: text('device_id').references(() => device.id),
    /** What the device that uses it is going to be; null: what it says itself, or nothing. */
    name: text('name'),
    location: text('location'),
    labels: jsonb('labels').$type<Record<string, string>>(),
  },
  (table) => [check('join_token_used', sql`(${table.usedAt} is null) = (${table.deviceId} is null)`)],
);
