import { z } from 'zod';
import { causeSchema } from './cause.ts';
import type { ComputeSpec } from './compute.ts';

/** Limits as the engine has them; null: none. */
export const limitsSchema = z.object({
  memoryBytes: z.number().int().nonnegative().nullable(),
  cpus: z.number().nonnegative().nullable(),
  pids: z.number().int().nonnegative().nullable(),
});
export type Limits = z.infer<typeof limitsSchema>;

/** A compute as its device last told of it. */
export const observedSchema = z.object({
  /** `absent`: the device has nothing of it; `unknown`: no device has told. */
  state: z.enum(['running', 'stopped', 'absent', 'unknown']),
  /** Null while the device has not looked. */
  limits: limitsSchema.nullable(),
});
export type Observed = z.infer<typeof observedSchema>;

/** How a compute's program ended by itself. */
export const lastExitSchema = z.object({
  code: z.number().int(),
  /** By the device's clock. */
  at: z.iso.datetime(),
  /** The kernel ended it, for it took more memory than its limit. */
  oom: z.boolean(),
});
export type LastExit = z.infer<typeof lastExitSchema>;

/** What a change was planned from, what it changes (one sentence), and who asked for it. */
export interface GivenUpdate {
  before: ComputeSpec;
  reason: string;
  actor: string;
}

/** What became of the last change that was asked for. */
export const lastUpdateSchema = z.object({
  state: z.enum(['applying', 'applied', 'refused']),
  causes: z.array(causeSchema),
  at: z.iso.datetime(),
});
export type LastUpdate = z.infer<typeof lastUpdateSchema>;
