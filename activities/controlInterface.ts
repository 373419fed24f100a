import type { Cause } from '../core/cause.ts';
import type { AppState } from '../core/application.ts';
import type { ComputeSpec, ComputeState } from '../core/compute.ts';
import type { Inventory } from '../core/device.ts';
import type { AddressRange } from '../core/ipv4.ts';
import type { MigrationState } from '../core/migration.ts';
import type { moveInputOf } from '../db/migrationRecords.ts';
import type { RecordBook, RecordEntry } from '../core/migrationRecord.ts';
import type { SnapshotContent } from '../core/snapshot.ts';
import type { TransferOutcome } from '../core/transfer.ts';

/** How a migration ended, for its record. */
export interface MigrationEndInput {
  migrationId: string;
  state: Extract<MigrationState, 'succeeded' | 'aborted' | 'rolledBack' | 'failed' | 'refused'>;
  reason: string;
  causes: Cause[];
  frozenMs: number | null;
  wireBytes: number;
  totalMs: number;
}

/**
 * Activities of the control plane, on CONTROL_TASK_QUEUE: all that touches the database. Idempotent, each of them. Those of
 * a RecordBook are asked for by moves that began before `recordMigration`.
 */
export interface ControlActivities extends RecordBook {
  /** Writes what a move tells into its record, in its order. */
  recordMigration(migrationId: string, entries: RecordEntry[]): Promise<void>;
  /** What a freeze of these computes has cost at least in their last moves, milliseconds; null when they have none. */
  freezeHistory(computeIds: string[]): Promise<number | null>;
  finishMigration(end: MigrationEndInput): Promise<void>;
  /** The inventories of both devices, as of their last heartbeats. */
  inventories(source: string, target: string): Promise<{ source: Inventory; target: Inventory }>;
  /** Opens the transfer with the given random id; the group's placement must still be (source, epoch - 1). */
  openTransfer(input: {
    id: string;
    migrationId: string;
    group: string;
    source: string;
    target: string;
    epoch: number;
  }): Promise<void>;
  closeTransfer(transferId: string, outcome: TransferOutcome): Promise<void>;
  setComputeState(computeId: string, state: ComputeState, reason?: string): Promise<void>;
  /** The compute is as it was asked for; `message`: what was changed. */
  endUpdate(computeId: string, message: string, actor?: string): Promise<void>;
  /** The compute could not be changed, and is what it was. */
  undoUpdate(computeId: string, before: ComputeSpec, cause: Cause): Promise<void>;
  /** The compute was restored from its snapshot, or goes on from its checkpoint: it runs, and is meant to. */
  setRestored(computeId: string): Promise<void>;
  /** Claims of the tenant's quota what a snapshot is expected to take, bytes. */
  reserveSnapshot(snapshotId: string, bytes: number): Promise<void>;
  /** All parts of the snapshot are kept. */
  finishSnapshot(snapshotId: string, content: SnapshotContent): Promise<void>;
  /** The snapshot could not be made; what was kept of it goes. */
  failSnapshot(snapshotId: string, cause: Cause): Promise<void>;
  /** Nothing of the compute is left on any device: its record and its address go. */
  removeComputeRecord(computeId: string): Promise<void>;
  /** Causes only of `failed`. */
  setAppState(appId: string, state: AppState, causes?: Cause[]): Promise<void>;
  /** Records the compute of an application whose image was stored: what its making begins with. */
  createAppCompute(
    appId: string,
    range: AddressRange,
  ): Promise<{ spec: ComputeSpec; device: string; epoch: number }>;
}

/** Of the control plane too, for images from registries. */
export interface PullActivities {
  /** Gets an image from its registry, and records that it has come. */
  pullImage(pullId: string): Promise<void>;
  recordPullFailure(pullId: string, cause: Cause): Promise<void>;
}

/** A move that an evacuation has recorded, and its workflow is to be started with. */
export interface RecordedMove {
  workflowId: string;
  /** The compute by which it is named. */
  computeId: string;
  input: ReturnType<typeof moveInputOf>;
}

/** What an evacuation does next. */
export type EvacuationStepAnswer =
  | {
      action: 'go';
      moves: RecordedMove[];
      /** Computes that are stopped, since they could not be moved in time. */
      stops: {
        workflowId: string;
        input: { operation: 'stop'; spec: ComputeSpec; device: string; epoch: number };
      }[];
      /** When it is looked at again, if nothing is told before; milliseconds. */
      againInMs: number;
    }
  | { action: 'end'; reason: string };

/** Of the control plane too, for evacuations. */
export interface EvacuationActivities {
  /** Takes note of what has ended, plans anew, and records what is to be started now. */
  stepEvacuation(evacuationId: string): Promise<EvacuationStepAnswer>;
  /** Records what a schedule begins now, under the given id; when it cannot, that is on its record. */
  beginScheduled(
    scheduleId: string,
    evacuationId: string,
  ): Promise<{ action: 'begin' } | { action: 'refuse'; reason: string }>;
  noteEvacuationStarted(evacuationId: string, runId: string): Promise<void>;
  noteMoveStarted(migrationId: string, runId: string): Promise<void>;
  /** Something else is being done to its compute: the move ends as refused. */
  refuseMove(migrationId: string): Promise<void>;
}
