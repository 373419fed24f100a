import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { nameSchema } from '../compute.ts';
import { cronSchema, SCHEDULE_ACTIONS, timeZoneSchema } from '../schedule.ts';
import { idOrNameSchema, referenceSchema } from './common.ts';
import { evacuateRequestSchema, rebalanceRequestSchema } from './evacuations.ts';

const timing = {
  name: nameSchema,
  /** Minute, hour, day of month, month, day of week; as crontab(5) has it. */
  cron: cronSchema,
  timeZone: timeZoneSchema.default('UTC'),
};

export const createScheduleRequestSchema = z.discriminatedUnion('action', [
  z.strictObject({
    ...timing,
    action: z.literal('evacuate'),
    /** Id or name. */
    device: idOrNameSchema,
    /** As it is asked for by hand. */
    options: evacuateRequestSchema.omit({ dryRun: true }).prefault({}),
  }),
  z.strictObject({
    ...timing,
    action: z.literal('rebalance'),
    options: rebalanceRequestSchema.omit({ dryRun: true }).prefault({}),
  }),
]);
export type CreateScheduleRequest = z.output<typeof createScheduleRequestSchema>;
export type ScheduleOptions = CreateScheduleRequest['options'];

export const scheduleSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    action: z.enum(SCHEDULE_ACTIONS),
    device: referenceSchema.nullable(),
    cron: z.string(),
    timeZone: z.string(),
    options: z.record(z.string(), z.unknown()),
    /** Null: never again. */
    nextRunAt: z.iso.datetime().nullable(),
    /** What it began last, or why it could not; null before the first time. */
    lastRun: z
      .object({
        at: z.iso.datetime(),
        evacuation: z.string().nullable(),
        cause: causeSchema.nullable(),
      })
      .nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Schedule' });
export type ScheduleView = z.infer<typeof scheduleSchema>;
