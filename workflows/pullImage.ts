import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { PullActivities } from '../activities/controlInterface.ts';
import { CONTROL_TASK_QUEUE } from '../core/device.ts';
import { causeOf } from './causeOf.ts';
import type { PullImageInput } from './contract.ts';

/** Gets an image from a registry. What goes wrong stands in the pull's record. */
export async function pullImage({ pullId, reference }: PullImageInput): Promise<void> {
  const pulling = proxyActivities<PullActivities>({
    taskQueue: CONTROL_TASK_QUEUE,
    // An image may be large and its registry slow.
    startToCloseTimeout: '4 hours',
    heartbeatTimeout: '15 seconds',
    retry: { maximumAttempts: 4, initialInterval: '1 second', maximumInterval: '30 seconds' },
    summary: reference,
  });
  const recording = proxyActivities<PullActivities>({
    taskQueue: CONTROL_TASK_QUEUE,
    startToCloseTimeout: '10 seconds',
    retry: { initialInterval: '200 ms', maximumInterval: '5 seconds' },
  });
  try {
    await pulling.pullImage(pullId);
  } catch (error) {
    await CancellationScope.nonCancellable(() => recording.recordPullFailure(pullId, causeOf(error)));
    throw error;
  }
}
