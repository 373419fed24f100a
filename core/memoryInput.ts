import { z } from 'zod';
import { roundSchema } from './migration.ts';
import { prepareInputSchema } from './moveInput.ts';

/** What devices are told about the memory of computes that move; checked by them like `moveInput`. */

export const openMemoryInputSchema = prepareInputSchema.extend({
  /** Most megabits a second on the link; null: as much as it carries. */
  bandwidthMbit: z.number().positive().nullable(),
});
export type OpenMemoryInput = z.infer<typeof openMemoryInputSchema>;

export const roundInputSchema = prepareInputSchema.extend({
  /** Counted from 1. */
  round: z.number().int().positive(),
  /** What a freeze before it would have cost, milliseconds: shown while it runs. */
  expectedFreezeMs: z.number().nonnegative().nullable().default(null),
});
export type RoundInput = z.infer<typeof roundInputSchema>;

export const roundEndingInputSchema = z.object({
  migration: prepareInputSchema.shape.migration,
  /** Milliseconds before the first round's expected end. */
  leadMs: z.number().positive(),
});
export type RoundEndingInput = z.infer<typeof roundEndingInputSchema>;

export const memoryEndInputSchema = prepareInputSchema.omit({ peer: true });
export type MemoryEndInput = z.infer<typeof memoryEndInputSchema>;

export const throttleInputSchema = memoryEndInputSchema.extend({
  /** Of the processor time that the computes may use otherwise; 1 takes the throttle off. */
  share: z.number().min(0.05).max(1),
});
export type ThrottleInput = z.infer<typeof throttleInputSchema>;

/** What the source's machine must know for its closing rounds. */
export const switchOptionsSchema = z.object({
  /** What a client may wait at most, milliseconds; null: as little as can be had. */
  maxDowntimeMs: z.number().positive().nullable(),
  /** Resident memory of the computes, bytes. */
  memoryBytes: z.number().nonnegative(),
  /** What a freeze of these computes costs without any page, milliseconds. */
  fixedFreezeMs: z.number().nonnegative(),
  rounds: z.array(roundSchema),
});
export type SwitchOptions = z.infer<typeof switchOptionsSchema>;
