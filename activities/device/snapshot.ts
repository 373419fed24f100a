import { cancellationSignal } from '@temporalio/activity';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { DrayageError, RefusedError } from '../../core/cause.ts';
import { computeSpecSchema, type ComputeSpec } from '../../core/compute.ts';
import { idSchema } from '../../core/ids.ts';
import { checkInput } from '../../core/moveInput.ts';
import { type CheckpointToRestore, checkpointWork } from '../../core/checkpoint.ts';
import type { SnapshotContent, SnapshotForDevice, SnapshotPart } from '../../core/snapshot.ts';
import { decideSnapshot, inWordsOfSnapshots } from '../../core/snapshotCauses.ts';
import { execOpen } from '../../device/checkpoint/findBlockers.ts';
import type { Device } from '../../device/device.ts';
import type { ExecSessions } from '../../device/engine/execSessions.ts';
import { Preparations } from '../../device/preparations.ts';
import type { RestoreRequest } from '../../device/snapshots/restoreSnapshot.ts';
import { beating } from '../beating.ts';
import { withFailures } from '../failure.ts';

export interface SnapshotDeps {
  device: Pick<Device, 'checkpoints' | 'snapshots' | 'usage' | 'hasForeigners' | 'endForeigners'>;
  sessions: Pick<ExecSessions, 'hold' | 'release' | 'letIn' | 'endSessions' | 'withoutProbes'>;
  /** What this device has free, bytes. */
  memoryAvailable: () => Promise<number>;
  control: {
    putSnapshotPart(snapshot: string, part: string, content: Readable): Promise<SnapshotPart>;
    snapshotPart(snapshot: string, part: string): Promise<Readable>;
    snapshot(snapshot: string): Promise<SnapshotForDevice>;
    checkpoint(computeId: string): Promise<CheckpointToRestore>;
  };
}

const snapshot = idSchema('snapshot');
const inspectSchema = z.object({ spec: computeSpecSchema, endSessions: z.boolean() });
const takeSchema = inspectSchema.extend({ snapshot, memoryBytes: z.number().int().nonnegative() });
const restoreSchema = z.object({ snapshot, spec: computeSpecSchema });

/** A device's part in snapshots. */
export function createSnapshotActivities({ device, sessions, memoryAvailable, control }: SnapshotDeps) {
  const taking = new Preparations();
  const restoring = new Preparations();

  const endForeigners = async (computeId: string) => {
    await sessions.endSessions([computeId]);
    await device.endForeigners(computeId);
  };

  /** From here until it is released nothing is run inside the compute but its own processes. */
  const quiet = async (id: string, { id: computeId, name }: ComputeSpec, endSessions: boolean) => {
    await sessions.hold(id, [computeId]);
    if (endSessions) return endForeigners(computeId);
    // Started on the device itself, past Drayage.
    if (await device.hasForeigners(computeId)) throw new DrayageError(inWordsOfSnapshots(execOpen(name)));
  };

  /** `find`: what it is made of. Heartbeats say how many bytes have come. */
  const restoreOf = async (
    spec: ComputeSpec,
    find: () => Promise<Pick<RestoreRequest, 'snapshot' | 'content' | 'store'>>,
  ) => {
    let receivedBytes = 0;
    endWhenCancelled(restoring, spec.id);
    await beating(
      () =>
        restoring.begin(spec.id, async (signal) => {
          const found = await find();
          sessions.letIn(spec.id);
          const progress = (bytes: number) => (receivedBytes = bytes);
          await device.snapshots.restore({ ...found, spec, signal, progress });
        }),
      () => ({ receivedBytes }),
    );
  };

  return withFailures({
    /**
     * What the snapshot is going to take, bytes. Refuses it when something speaks against it; `endSessions`: what somebody
     * runs inside the compute is ended first.
     */
    async inspectForSnapshot(
      given: z.infer<typeof inspectSchema>,
    ): Promise<{ memoryBytes: number; diskBytes: number }> {
      const { spec, endSessions } = checkInput(inspectSchema, given);
      // One thing happens to a compute at a time: an earlier snapshot or move of it has ended.
      sessions.letIn(spec.id);
      const usage = await sessions.withoutProbes([spec.id], async () => {
        if (endSessions) await endForeigners(spec.id);
        return device.usage(spec);
      });
      const { causes } = decideSnapshot(usage, await memoryAvailable());
      const [first, ...others] = causes;
      if (first) throw new RefusedError([first, ...others]);
      return { memoryBytes: usage.memoryBytes, diskBytes: usage.diskBytes };
    },

    /** Takes it and gives its parts to the control plane; heartbeats say how many bytes have gone. Of one attempt only. */
    async takeSnapshot(given: z.infer<typeof takeSchema>): Promise<SnapshotContent> {
      const { snapshot: id, spec, endSessions, memoryBytes } = checkInput(takeSchema, given);
      let sentBytes = 0;
      endWhenCancelled(taking, id);
      return beating(
        () =>
          taking.begin(id, (signal) =>
            device.snapshots.take({
              ...{ snapshot: id, spec, memoryBytes, signal },
              store: { put: (part, content) => control.putSnapshotPart(id, part, content) },
              quiet: () => quiet(id, spec, endSessions),
              free: () => sessions.release(id),
              progress: (bytes) => (sentBytes = bytes),
            }),
          ),
        () => ({ sentBytes }),
      );
    },

    /** Nothing of an attempt goes on on this device when this resolves, and the compute runs. */
    async discardSnapshot(id: string): Promise<void> {
      await beating(() => taking.end(id));
    },

    /** Makes a compute of a snapshot, and opens its network; what an earlier attempt has left is cleared first. */
    async restoreSnapshot(given: z.infer<typeof restoreSchema>): Promise<void> {
      const { snapshot: id, spec } = checkInput(restoreSchema, given);
      await restoreOf(spec, async () => ({
        ...{ snapshot: id, content: (await control.snapshot(id)).content },
        store: { get: (part) => control.snapshotPart(id, part) },
      }));
    },

    /** Has a compute go on from its last checkpoint, which lies here; what an earlier attempt has left is cleared first. */
    async recoverCompute(given: ComputeSpec): Promise<void> {
      const spec = checkInput(computeSpecSchema, given);
      await restoreOf(spec, async () => {
        const { content, key, ...place } = await control.checkpoint(spec.id);
        const get = (part: string) => Promise.resolve(device.checkpoints.open(place, part, key));
        return { snapshot: checkpointWork(spec.id), content, store: { get } };
      });
    },
  });
}

/** Nobody waits for it any more: it stops at its next step. */
function endWhenCancelled(work: Preparations, id: string): void {
  cancellationSignal().addEventListener('abort', () => void work.end(id), { once: true });
}

export type SnapshotActivities = ReturnType<typeof createSnapshotActivities>;
