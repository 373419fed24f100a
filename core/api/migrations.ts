import { z } from 'zod';
import { migrationSchema, phaseSchema } from '../migration.ts';
import { acceptedSchema, idOrNameSchema } from './common.ts';

export const migrateRequestSchema = z.object({
  /** Id or name of a device; without it one is chosen. */
  target: idOrNameSchema.optional(),
  /** What a client may wait at most, milliseconds; pre-copy works towards it. */
  maxDowntimeMs: z.number().int().min(1).max(600_000).optional(),
  /** Most megabits a second on the link between the two devices. */
  bandwidthMbit: z.number().min(1).max(100_000).optional(),
  /** Slow the compute down, step by step, when it writes faster than the link carries. */
  allowThrottle: z.boolean().optional(),
  /** End what somebody runs inside the compute (exec); without it the move is refused while there is such a thing. */
  endSessions: z.boolean().optional(),
  /** Copy the memory, but do not switch: tells what the freeze would cost. */
  dryRun: z.boolean().optional(),
});
export type MigrateRequest = z.infer<typeof migrateRequestSchema>;

export const migrationViewSchema = migrationSchema.meta({ id: 'Migration' });

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
