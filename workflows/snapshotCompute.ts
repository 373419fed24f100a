import {
  CancellationScope,
  proxyActivities,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { SnapshotActivities } from '../activities/device/snapshot.ts';
import { deviceTaskQueue } from '../core/device.ts';
import { controlActivities } from './activityProxies.ts';
import { causeOf } from './causeOf.ts';
import type { SnapshotComputeInput } from './contract.ts';
import { Undo } from './undo.ts';

const LOOK: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToStartTimeout: '30 seconds',
  retry: { maximumAttempts: 3, initialInterval: '500 ms' },
};
/** Once: another attempt would be of another moment, and stop the compute again. Files may be large and links slow. */
const TAKE: ActivityOptions = {
  startToCloseTimeout: '12 hours',
  scheduleToStartTimeout: '30 seconds',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 1 },
};
/** A device that is away has nothing going on: its worker clears what an earlier one has left. */
const CLEARING: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToStartTimeout: '10 seconds',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 3, initialInterval: '500 ms' },
};

/** Makes a snapshot of a running compute, which runs on, whatever comes of it. */
export async function snapshotCompute(input: SnapshotComputeInput): Promise<void> {
  const { snapshot } = input;
  const control = controlActivities();
  const undo = new Undo();
  try {
    await control.finishSnapshot(snapshot, await take(input, undo));
  } catch (error) {
    await CancellationScope.nonCancellable(async () => {
      // Whoever waits for the end is told at once; the device may be the very trouble.
      await control.failSnapshot(snapshot, causeOf(error));
      await undo.run();
    });
    throw error;
  }
}

async function take({ snapshot, spec, device, endSessions }: SnapshotComputeInput, undo: Undo) {
  const looked = await onDevice(device, `look at ${spec.name}`, LOOK).inspectForSnapshot({
    spec,
    endSessions,
  });
  await controlActivities().reserveSnapshot(snapshot, looked.memoryBytes + looked.diskBytes);
  undo.register('end the snapshot', () =>
    onDevice(device, `undo: end the snapshot of ${spec.name}`, CLEARING).discardSnapshot(snapshot),
  );
  const { memoryBytes } = looked;
  return onDevice(device, `take a snapshot of ${spec.name}`, TAKE).takeSnapshot({
    ...{ snapshot, spec, endSessions, memoryBytes },
  });
}

function onDevice(
  device: string,
  summary: string,
  options: ActivityOptions,
): ActivityInterfaceFor<SnapshotActivities> {
  return proxyActivities<SnapshotActivities>({ ...options, taskQueue: deviceTaskQueue(device), summary });
}
