import { z } from 'zod';

const name = z.string();
const milliseconds = z.number().nonnegative();

/** A part of a move, on this machine's wall clock. */
export const stepSchema = z.object({ name, startedAt: z.number(), ms: milliseconds });
export type Step = z.infer<typeof stepSchema>;

/** One move of a workload by a contender. Times are milliseconds, sizes bytes; null is what was not measured. */
export const moveSampleSchema = z.object({
  kind: z.literal('move'),
  contender: name,
  workload: name,
  link: name,
  repeat: z.number().int(),
  /** Whether it was the contender's first move on these devices, which reads its programs from the disk: it is told apart. */
  first: z.boolean(),
  /** Whether it was the first move of a program whose second is measured as well; only Drayage has such. */
  fresh: z.boolean(),
  /** False when the compute stayed, or came to harm; then only `reason` and the client's side say something. */
  succeeded: z.boolean(),
  reason: z.string(),
  gapMs: milliseconds,
  p99AfterMs: milliseconds.nullable(),
  p99BeforeMs: milliseconds.nullable(),
  requestsPerSecond: z.number(),
  wrong: z.number().int(),
  connections: z.number().int(),
  lost: z.number().int(),
  steps: z.array(stepSchema),
  frozenMs: milliseconds.nullable(),
  totalMs: milliseconds,
  /** By the contender's own account. */
  wireBytes: z.number().nullable(),
  /** By the counter on the switch: all that the source sent to the target. */
  countedBytes: z.number(),
  /** Proportional set size of the workload, before the move and after all of its pages have been asked for. */
  residentBefore: z.number(),
  residentAfter: z.number().nullable(),
  /** Most that Drayage's processes on the source had over what they had before the move. */
  sourceExtra: z.number().nullable(),
  /** Most that compute, Drayage's processes and the page store had on the target, over what was there before. */
  targetPeak: z.number().nullable(),
  /** The program's own work a second, before the move and while the rounds ran. */
  workBefore: z.number().nullable(),
  workDuringRounds: z.number().nullable(),
  /** How changed pages were found: `soft-dirty`, `write-protect` or `content`; null of who does not look for any. */
  tracker: z.string().nullable(),
  restore: z.string().nullable(),
  rounds: z.number().int(),
});
export type MoveSample = z.infer<typeof moveSampleSchema>;

/** Wall times of warm runc on one device, several turns; none, and why, when it could not be measured. */
export const bareSampleSchema = z.object({
  kind: z.literal('bare'),
  workload: name,
  link: name,
  repeat: z.number().int(),
  reason: z.string(),
  turns: z.array(z.object({ checkpointMs: milliseconds, restoreMs: milliseconds })),
});
export type BareSample = z.infer<typeof bareSampleSchema>;

export type Sample = MoveSample | BareSample;
