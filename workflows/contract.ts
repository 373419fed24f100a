import type { ComputeSpec } from '../core/compute.ts';
import type { AddressRange } from '../core/ipv4.ts';
import type { GivenUpdate } from '../core/observed.ts';

/**
 * What starts a workflow and what it answers: shared by those who start workflows and those who write them. Types and
 * constants only, so that anything may import it.
 */
export const WorkflowType = {
  buildApplication: 'buildApplication',
  computeLifecycle: 'computeLifecycle',
  evacuate: 'evacuate',
  migrateCompute: 'migrateCompute',
  pullImage: 'pullImage',
  runSchedule: 'runSchedule',
  snapshotCompute: 'snapshotCompute',
} as const;

/** Keyword search attributes of our workflows; Temporal's own UI filters by them. */
export const SearchAttribute = {
  compute: 'DrayageCompute',
  source: 'DrayageSource',
  target: 'DrayageTarget',
  evacuation: 'DrayageEvacuation',
  outcome: 'DrayageOutcome',
} as const;

export type LifecycleOperation = 'create' | 'restore' | 'recover' | 'start' | 'stop' | 'remove' | 'update';

export interface ComputeLifecycleInput {
  operation: LifecycleOperation;
  spec: ComputeSpec;
  /** Id of the device that owns the compute. */
  device: string;
  epoch: number;
  update?: GivenUpdate;
  /** Id of the snapshot that it is restored from. */
  snapshot?: string;
}

/** The workflow's id is the application's. */
export interface BuildApplicationInput {
  app: string;
  name: string;
  /** Id of the device that builds it. */
  device: string;
  base: { id: string; digest: string };
  /** Out of which its compute gets its address. */
  range: AddressRange;
}

export interface MigrateComputeInput {
  migrationId: string;
  group: string;
  /** All computes of the group; they move as one. */
  computes: ComputeSpec[];
  /** Ids of devices. */
  source: string;
  target: string;
  /** The epoch under which the source owns the group; the target gets the next one. */
  epoch: number;
  maxDowntimeMs?: number;
  /** Most megabits a second on the link. */
  bandwidthMbit?: number;
  /** Whether the computes may be slowed down so that rounds converge. */
  allowThrottle?: boolean;
  /** What somebody runs inside the computes is ended; else it speaks against the move. */
  endSessions?: boolean;
  /** All but the freeze, to know what it would cost. */
  dryRun?: boolean;
}

/** The workflow's id is the compute's, or its group's. */
export interface SnapshotComputeInput {
  snapshot: string;
  spec: ComputeSpec;
  /** Id of the device that owns the compute. */
  device: string;
  /** What somebody runs inside the compute is ended; else it speaks against the snapshot. */
  endSessions: boolean;
}

export interface PullImageInput {
  /** Its record says what, whose and under which name. */
  pullId: string;
  reference: string;
}

/** By what the workflow of a move is found, and its words in Temporal's own UI; `evacuation`: of which it is a part. */
export function describeMove(
  computeId: string,
  { migrationId, computes, source, target }: MigrateComputeInput,
  evacuation?: string,
): { operation: string; summary: string; attributes: [name: string, value: string][] } {
  return {
    operation: migrationId,
    summary: `move ${computes.map(({ name }) => name).join(', ')} from ${source} to ${target}`,
    attributes: [
      [SearchAttribute.compute, computeId],
      [SearchAttribute.source, source],
      [SearchAttribute.target, target],
      ...(evacuation === undefined ? [] : [[SearchAttribute.evacuation, evacuation] as [string, string]]),
    ],
  };
}

/** Update of `migrateCompute`: stop before the commit point. Answered once it is certain what came of it. */
export const ABORT_UPDATE = 'abort';

export interface AbortAnswer {
  /** The compute runs on on the source, and the move has no further effect. */
  accepted: boolean;
  /** One sentence. */
  reason: string;
}

/** The workflow's id is the evacuation's; its record says what it is to do. */
export interface EvacuateInput {
  evacuationId: string;
}

/** Signal of `evacuate`: its record was changed, look at it now. */
export const LOOK_SIGNAL = 'look';

/** Of each time of a schedule. */
export interface RunScheduleInput {
  scheduleId: string;
}
