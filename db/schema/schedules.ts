import { sql } from 'drizzle-orm';
import { check, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Cause } from '../../core/cause.ts';
import type { ScheduleAction } from '../../core/schedule.ts';
import { account } from './accounts.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { device } from './devices.ts';
import { evacuation } from './evacuations.ts';

/** What begins at certain times. Temporal keeps the times; this says what, and what became of it. */
export const schedule = pgTable(
  'schedule',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    name: text('name').notNull(),
    action: text('action').$type<ScheduleAction>().notNull(),
    deviceId: text('device_id').references(() => device.id),
    cron: text('cron').notNull(),
    timeZone: text('time_zone').notNull(),
    options: jsonb('options').$type<Record<string, unknown>>().notNull(),
    /** Whether Temporal has it: not yet, as it is here, or until it is deleted there too. */
    state: text('state', { enum: ['pending', 'active', 'deleted'] })
      .notNull()
      .default('pending'),
    lastRunAt: instant('last_run_at'),
    lastEvacuationId: text('last_evacuation_id').references(() => evacuation.id),
    lastCause: jsonb('last_cause').$type<Cause>(),
    /** For whom it begins what it begins. */
    createdBy: text('created_by').references(() => account.id, { onDelete: 'set null' }),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('schedule_name')
      .on(table.name)
      .where(sql`${table.state} <> 'deleted'`),
    check('schedule_action', sql`${table.action} in ('evacuate', 'rebalance')`),
    check('schedule_device', sql`(${table.deviceId} is not null) = (${table.action} = 'evacuate')`),
    check('schedule_state', sql`${table.state} in ('pending', 'active', 'deleted')`),
  ],
);
