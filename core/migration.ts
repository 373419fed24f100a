import { z } from 'zod';
import { causeSchema } from './cause.ts';

export const MigrationState = {
  pending: 'pending',
  preflight: 'preflight',
  preparing: 'preparing',
  precopying: 'precopying',
  switching: 'switching',
  releasing: 'releasing',
  succeeded: 'succeeded',
  aborted: 'aborted',
  rolledBack: 'rolledBack',
  failed: 'failed',
  refused: 'refused',
} as const;
export type MigrationState = (typeof MigrationState)[keyof typeof MigrationState];

/** States in which a migration stays. */
export const FINAL_MIGRATION_STATES: readonly MigrationState[] = [
  'succeeded',
  'aborted',
  'rolledBack',
  'failed',
  'refused',
];

/** States of a move that has not ended, in the order in which it goes through them. */
export const OPEN_MIGRATION_STATES: readonly MigrationState[] = [
  'pending',
  'preflight',
  'preparing',
  'precopying',
  'switching',
  'releasing',
];

/** Code of the cause that stands for a person's wish; a record says that by its state alone. */
export const ABORT_REQUESTED = 'abortRequested';

/** Names of phases. Those from `plug` to `unplug` are the hot window. */
export const PhaseName = {
  preflight: 'preflight',
  prepare: 'prepare',
  precopy: 'precopy',
  arm: 'arm',
  plug: 'plug',
  freeze: 'freeze',
  dump: 'dump',
  transfer: 'transfer',
  restore: 'restore',
  handOver: 'handOver',
  unplug: 'unplug',
  filling: 'filling',
  release: 'release',
  rollback: 'rollback',
} as const;
export type PhaseName = (typeof PhaseName)[keyof typeof PhaseName];

/** The phases of the hot window: from the freeze to the first packet from the target. */
export const HOT_PHASES: readonly PhaseName[] = [
  'plug',
  'freeze',
  'dump',
  'transfer',
  'restore',
  'handOver',
  'unplug',
];

export const phaseSchema = z.object({
  name: z.enum(Object.values(PhaseName) as [PhaseName, ...PhaseName[]]),
  /** RFC 3339, the control plane's view of the device's clock. */
  startedAt: z.iso.datetime(),
  ms: z.number().nonnegative(),
});
export type Phase = z.infer<typeof phaseSchema>;

export const roundSchema = z.object({
  round: z.number().int().positive(),
  pages: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  wireBytes: z.number().int().nonnegative(),
  ms: z.number().nonnegative(),
  dirtyPagesPerSecond: z.number().nonnegative(),
  /** Milliseconds until all pages had been looked at. */
  scanMs: z.number().nonnegative(),
  /** Pages of the computes' memory that were there. */
  lookedPages: z.number().int().nonnegative(),
  /** Pages that have become zeros; never sent. */
  zeroPages: z.number().int().nonnegative(),
  /** Pages that have changed to a content that the target has. */
  knownPages: z.number().int().nonnegative(),
  /** What the link carried; null when too little was sent to tell. */
  linkBytesPerSecond: z.number().nonnegative().nullable(),
  /** Done by the source alone, after everything was armed, right before the freeze. */
  closing: z.boolean(),
  /** What was decided after it, and why. */
  decision: z.enum(['round', 'switch', 'giveUp', 'throttle']),
  reason: z.string(),
  /** What a freeze right after it would have cost, milliseconds. */
  expectedFreezeMs: z.number().nonnegative().nullable(),
});
export type Round = z.infer<typeof roundSchema>;

/** How far the memory of a move is, while it runs. */
export const progressSchema = z.object({
  round: z.number().int().positive(),
  pages: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  wireBytes: z.number().int().nonnegative(),
  bytesPerSecond: z.number().int().nonnegative(),
  expectedFreezeMs: z.number().nonnegative().nullable(),
});
export type Progress = z.infer<typeof progressSchema>;

/** What a switch was expected to cost before it was begun. */
export const predictionSchema = z.object({
  freezeMs: z.number().nonnegative(),
  wireBytes: z.number().int().nonnegative(),
  totalMs: z.number().nonnegative(),
});
export type Prediction = z.infer<typeof predictionSchema>;

const referenceSchema = z.object({ id: z.string(), name: z.string() });

/** The record of one move. */
export const migrationSchema = z.object({
  id: z.string(),
  compute: referenceSchema,
  source: referenceSchema,
  target: referenceSchema,
  state: z.enum(Object.values(MigrationState) as [MigrationState, ...MigrationState[]]),
  /** One sentence for a person: how it ended, or what it is doing. */
  reason: z.string(),
  causes: z.array(causeSchema),
  /** The epoch the compute has (or would have had) on the target. */
  epoch: z.number().int(),
  /** How changed pages were found, and why so. */
  tracker: z.string().nullable(),
  trackerReason: z.string().nullable(),
  /** How the memory was restored, and why so. */
  restore: z.object({ mode: z.enum(['lazy', 'eager']), reason: z.string() }).nullable(),
  /** Everything but the freeze was done, to know what it would cost. */
  dryRun: z.boolean(),
  predicted: predictionSchema.nullable(),
  /** Null before the memory is copied, and once the move has ended. */
  progress: progressSchema.extend({ at: z.iso.datetime() }).nullable(),
  /** The least share of processor time that the computes were given; null when they never were slowed. */
  throttle: z.number().nullable(),
  rounds: z.array(roundSchema),
  phases: z.array(phaseSchema),
  /** Last instruction on the source to first on the target, milliseconds. */
  frozenMs: z.number().nullable(),
  wireBytes: z.number().int(),
  totalMs: z.number().nullable(),
  workflowId: z.string(),
  runId: z.string(),
});
export type Migration = z.infer<typeof migrationSchema>;

/** What is asked of a move, whether a person starts it or an evacuation. */
export const moveOptionsSchema = z.object({
  /** What a client may wait at most, milliseconds; pre-copy works towards it. */
  maxDowntimeMs: z.number().int().min(1).max(600_000).optional(),
  /** Most megabits a second on the link between the two devices. */
  bandwidthMbit: z.number().min(1).max(100_000).optional(),
  /** Slow the compute down, step by step, when it writes faster than the link carries. */
  allowThrottle: z.boolean().optional(),
  /** End what somebody runs inside the compute (exec); without it the move is refused while there is such a thing. */
  endSessions: z.boolean().optional(),
});
export type MoveOptions = z.infer<typeof moveOptionsSchema>;
