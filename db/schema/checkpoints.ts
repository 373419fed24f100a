import { bigint, doublePrecision, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import type { SnapshotContent } from '../../core/snapshot.ts';
import { instant } from './columns.ts';
import { compute } from './computes.ts';
import { device } from './devices.ts';

/** The last checkpoint of a compute that is protected by them. It lies, sealed, on another device. */
export const checkpoint = pgTable(
  'checkpoint',
  {
    computeId: text('compute_id')
      .primaryKey()
      .references(() => compute.id),
    /** The device that the next ones go to. */
    peerId: text('peer_id')
      .notNull()
      .references(() => device.id),
    /** With which they are sealed, sealed itself. */
    sealedKey: text('sealed_key').notNull(),
    /** The device that has the last one, and which that is; null until there is one. */
    keptBy: text('kept_by').references(() => device.id),
    epoch: integer('epoch'),
    number: integer('number'),
    content: jsonb('content').$type<SnapshotContent>(),
    bytes: bigint('bytes', { mode: 'number' }),
    /** How long the compute stood still for it, milliseconds. */
    frozenMs: doublePrecision('frozen_ms'),
    takenAt: instant('taken_at'),
  },
  (table) => [index('checkpoint_peer').on(table.peerId), index('checkpoint_kept_by').on(table.keptBy)],
);
