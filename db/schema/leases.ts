import { bigint, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';
import { device } from './devices.ts';

/** The lease of a device that has asked for one: without it, what may be started elsewhere cannot be reached on it. */
export const deviceLease = pgTable('device_lease', {
  deviceId: text('device_id')
    .primaryKey()
    .references(() => device.id),
  /** One more each time that it was declared dead. */
  generation: integer('generation').notNull().default(1),
  /** How often it was granted: who watches it sees by this, and by no clock, that it goes on. */
  grants: bigint('grants', { mode: 'number' }).notNull().default(0),
  /** Declared dead, and not heard of since. */
  deadAt: instant('dead_at'),
});
