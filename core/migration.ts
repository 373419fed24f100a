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
});
export type Round = z.infer<typeof roundSchema>;

const referenceSchema = z.object({ id: z.string(), name: z.string() });

/** The record of one move, as CONTRACT gives it. */
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
  tracker: z.string().nullable(),
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
