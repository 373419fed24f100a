import {
  CancellationScope,
  executeChild,
  ParentClosePolicy,
  proxyActivities,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { ApplicationActivities } from '../activities/device/application.ts';
import type { ComputeActivities } from '../activities/device/compute.ts';
import { deviceTaskQueue } from '../core/device.ts';
import { controlActivities } from './activityProxies.ts';
import { causeOf } from './causeOf.ts';
import type { computeLifecycle } from './computeLifecycle.ts';
import {
  SearchAttribute,
  type BuildApplicationInput,
  type ComputeLifecycleInput,
  WorkflowType,
} from './contract.ts';

type DeviceActivities = ApplicationActivities & Pick<ComputeActivities, 'ensureImage'>;

/** Images are large and links slow; a worker that is silent is taken as gone, and the step is done again. */
const STEP: ActivityOptions = {
  startToCloseTimeout: '2 hours',
  scheduleToStartTimeout: '30 seconds',
  heartbeatTimeout: '10 seconds',
  retry: { maximumAttempts: 3, initialInterval: '500 ms' },
};
/** A device that is away keeps what it has built; it is not waited for longer than this. */
const CLEARING: ActivityOptions = {
  ...STEP,
  startToCloseTimeout: '2 minutes',
  scheduleToStartTimeout: '5 minutes',
};

/** From an application's archive, which the control plane has received, to the compute that runs it. */
export async function buildApplication(input: BuildApplicationInput): Promise<void> {
  const { app, name, base, range } = input;
  const control = controlActivities();
  try {
    await control.setAppState(app, 'fetching');
    await onDevice(input, `fetch the base of ${name}`).ensureImage({ image: base });
    await control.setAppState(app, 'building');
    const digest = await onDevice(input, `build ${name}`).buildImage(app);
    await control.setAppState(app, 'storing');
    await onDevice(input, `store the image of ${name}`).sendImage(app, digest);
    await control.setAppState(app, 'starting');
    await makeCompute(await control.createAppCompute(app, range));
    await control.setAppState(app, 'running');
  } catch (error) {
    await CancellationScope.nonCancellable(async () => {
      // Whoever waits for the end is told at once; the device may be the very trouble.
      await control.setAppState(app, 'failed', [causeOf(error)]);
      await onDevice(input, `undo: remove what was built of ${name}`, CLEARING)
        .discardBuild(app)
        .catch(() => undefined);
    });
    throw error;
  }
}

/** As the API makes a compute. Its workflow goes on whatever becomes of this one. */
async function makeCompute(made: Omit<ComputeLifecycleInput, 'operation'>): Promise<void> {
  const { id } = made.spec;
  const key = defineSearchAttributeKey(SearchAttribute.compute, 'KEYWORD');
  await executeChild<typeof computeLifecycle>(WorkflowType.computeLifecycle, {
    // It is alone in its group (core/workflowId.ts).
    workflowId: id,
    args: [{ operation: 'create', ...made }],
    typedSearchAttributes: new TypedSearchAttributes([{ key, value: id }]),
    parentClosePolicy: ParentClosePolicy.ABANDON,
  });
}

function onDevice(
  { device }: BuildApplicationInput,
  summary: string,
  options = STEP,
): ActivityInterfaceFor<DeviceActivities> {
  return proxyActivities<DeviceActivities>({ ...options, taskQueue: deviceTaskQueue(device), summary });
}
