import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { migrationSchema, MigrationState, moveOptionsSchema, phaseSchema } from '../migration.ts';
import { acceptedSchema, idOrNameSchema, pageQuerySchema, referenceSchema } from './common.ts';

export const migrateRequestSchema = moveOptionsSchema.extend({
  /** Id or name of a device; without it one is chosen. */
  target: idOrNameSchema.optional(),
  /** Copy the memory, but do not switch: tells what the freeze would cost. */
  dryRun: z.boolean().optional(),
});
export type MigrateRequest = z.infer<typeof migrateRequestSchema>;

export const migrationViewSchema = migrationSchema
  .extend({
    tenant: referenceSchema,
    createdAt: z.iso.datetime(),
    /** Null while it is under way. */
    endedAt: z.iso.datetime().nullable(),
    /** What was asked for; null: nothing. */
    maxDowntimeMs: z.number().int().nullable(),
    bandwidthMbit: z.number().nullable(),
    /** Of which it is a part; null of one that somebody asked for by itself. */
    evacuation: z.string().nullable(),
  })
  .meta({ id: 'Migration' });
export type MigrationView = z.infer<typeof migrationViewSchema>;

const stateSchema = z.enum(Object.values(MigrationState) as [MigrationState, ...MigrationState[]]);

export const listMigrationsQuerySchema = pageQuerySchema.extend({
  /** Id or name: only its moves. */
  compute: idOrNameSchema.optional(),
  /** Id or name: only those that begin or end there. */
  device: idOrNameSchema.optional(),
  /** Only those in this state; several times: in one of them. */
  state: z
    .union([stateSchema, z.array(stateSchema)])
    .optional()
    .transform((given) => (given === undefined ? [] : [given].flat())),
  /** Those of all tenants; for the operator. */
  all: z.stringbool().default(false),
});

export const statisticsQuerySchema = z.object({
  seconds: z.coerce
    .number()
    .int()
    .min(60)
    .max(366 * 86_400)
    .default(7 * 86_400),
  all: z.stringbool().default(false),
});

/** How moves went, trials left out; the figures are those of the succeeded ones, null when there was none. */
export const migrationStatisticsSchema = z
  .object({
    /** So many last seconds. */
    seconds: z.number().int(),
    /** How many are in each state. */
    states: z.partialRecord(stateSchema, z.number().int()),
    frozenMs: z.object({
      p50: z.number().nullable(),
      p99: z.number().nullable(),
      max: z.number().nullable(),
    }),
    totalMs: z.object({ p50: z.number().nullable() }),
    /** What they sent, all together. */
    wireBytes: z.number(),
  })
  .meta({ id: 'MigrationStatistics' });
export type MigrationStatistics = z.infer<typeof migrationStatisticsSchema>;

/** A step of a move that did not go well at once: its attempts so far, and why the last but this one failed. */
export const attemptSchema = z
  .object({
    /** What is done, in words. */
    step: z.string(),
    /** Name of the activity, as Temporal has it. */
    activity: z.string(),
    /** Where: a device, or null for the control plane. */
    device: referenceSchema.nullable(),
    /** How many attempts were made. */
    attempts: z.number().int().positive(),
    state: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
    /** Why an attempt failed: the last one that did. */
    cause: causeSchema.nullable(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'MigrationAttempt' });
export type MigrationAttempt = z.infer<typeof attemptSchema>;

/** 202 of a move: where to and why there. */
export const migrationAcceptedSchema = acceptedSchema.extend({
  target: z.object({ id: z.string(), name: z.string() }),
  reason: z.string(),
});

export const timelineSchema = z.object({
  phases: z.array(phaseSchema),
  events: z.array(
    z.object({
      at: z.iso.datetime(),
      type: z.string(),
      message: z.string(),
      data: z.record(z.string(), z.unknown()),
    }),
  ),
});

export const abortResponseSchema = z.object({
  id: z.string(),
  accepted: z.literal(true),
  reason: z.string(),
});
