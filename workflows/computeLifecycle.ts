import { defineSearchAttributeKey } from '@temporalio/common';
import {
  CancellationScope,
  proxyActivities,
  upsertSearchAttributes,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import { causeOf } from './causeOf.ts';
import type { ComputeActivities } from '../activities/device/compute.ts';
import type { SnapshotActivities } from '../activities/device/snapshot.ts';
import { deviceTaskQueue } from '../core/device.ts';
import { controlActivities } from './activityProxies.ts';
import { SearchAttribute, type ComputeLifecycleInput } from './contract.ts';
import { Undo } from './undo.ts';

type DeviceActivities = ComputeActivities & Pick<SnapshotActivities, 'restoreSnapshot' | 'recoverCompute'>;

/** Between SIGTERM and SIGKILL, as `docker stop` has it. */
const GRACE_SECONDS = 10;

/** Answers come in seconds, or the device's worker is gone; what failed twice more is told to the user. */
const STEP: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToStartTimeout: '30 seconds',
  heartbeatTimeout: '6 seconds',
  retry: { maximumAttempts: 3, initialInterval: '500 ms' },
};
/** An image may be large and the link slow. */
const IMAGE: ActivityOptions = { ...STEP, startToCloseTimeout: '2 hours' };
/** All of its files and memory come over the same link. A worker that ends in its middle begins anew. */
const RESTORE: ActivityOptions = { ...IMAGE, heartbeatTimeout: '15 seconds' };
/** An undo is worth more patience: what is left behind holds the compute's name and address. */
const UNDO: ActivityOptions = {
  ...STEP,
  retry: { maximumAttempts: 20, initialInterval: '500 ms', maximumInterval: '5 seconds' },
};

/** What is done to one compute on the device that owns it: create (and start), restore, recover, start, stop, remove, update. */
export async function computeLifecycle(input: ComputeLifecycleInput): Promise<void> {
  const undo = new Undo();
  try {
    await OPERATIONS[input.operation](input, undo);
  } catch (error) {
    await undo.run();
    await recordFailure(input, error);
    throw error;
  }
}

const OPERATIONS = { create, restore, recover, start, stop, remove, update } as const;

/** Its image is there, and what is made from here on goes again if it fails. */
async function beginMaking({ spec, device }: ComputeLifecycleInput, undo: Undo): Promise<void> {
  await onDevice(device, `fetch the image of ${spec.name}`, IMAGE).ensureImage(spec);
  undo.register('remove what was made', () =>
    onDevice(device, `undo: remove ${spec.name}`, UNDO).removeCompute(spec.id),
  );
}

async function create(input: ComputeLifecycleInput, undo: Undo): Promise<void> {
  const { spec, device } = input;
  await beginMaking(input, undo);
  await onDevice(device, `create ${spec.name}`).createCompute(spec);
  await onDevice(device, `start ${spec.name}`).startCompute(spec);
  await controlActivities().setComputeState(spec.id, 'running');
  setOutcome('running');
}

/** Makes it of a snapshot: it goes on from there. */
async function restore(input: ComputeLifecycleInput, undo: Undo): Promise<void> {
  const { spec, device, snapshot = '' } = input;
  await beginMaking(input, undo);
  await onDevice(device, `restore ${spec.name}`, RESTORE).restoreSnapshot({ snapshot, spec });
  await controlActivities().setRestored(spec.id);
  setOutcome('running');
}

/** Its device is lost: it goes on from its last checkpoint, which the device that owns it now has kept. */
async function recover(input: ComputeLifecycleInput, undo: Undo): Promise<void> {
  const { spec, device } = input;
  await beginMaking(input, undo);
  await onDevice(device, `recover ${spec.name}`, RESTORE).recoverCompute(spec);
  await controlActivities().setRestored(spec.id);
  setOutcome('running');
}

async function start({ spec, device }: ComputeLifecycleInput, undo: Undo): Promise<void> {
  await onDevice(device, `fetch the image of ${spec.name}`, IMAGE).ensureImage(spec);
  undo.register('stop what was started', () =>
    onDevice(device, `undo: stop ${spec.name}`, UNDO).stopCompute(spec.id, 0),
  );
  await onDevice(device, `start ${spec.name}`).startCompute(spec);
  await controlActivities().setComputeState(spec.id, 'running');
  setOutcome('running');
}

async function stop({ spec, device }: ComputeLifecycleInput): Promise<void> {
  await onDevice(device, `stop ${spec.name}`).stopCompute(spec.id, GRACE_SECONDS);
  await controlActivities().setComputeState(spec.id, 'stopped');
  setOutcome('stopped');
}

async function remove({ spec, device }: ComputeLifecycleInput): Promise<void> {
  await onDevice(device, `stop ${spec.name}`).stopCompute(spec.id, GRACE_SECONDS);
  await onDevice(device, `remove ${spec.name}`).removeCompute(spec.id);
  await controlActivities().removeComputeRecord(spec.id);
  setOutcome('removed');
}

/** The spec is recorded already; what is refused puts the former one back, on the device too. */
async function update({ spec, device, update: given }: ComputeLifecycleInput, undo: Undo): Promise<void> {
  if (given)
    undo.register('give it its former limits', () =>
      onDevice(device, `undo: change ${spec.name} back`, UNDO).updateCompute(given.before),
    );
  await onDevice(device, `change ${spec.name}`).updateCompute(spec);
  await controlActivities().endUpdate(spec.id, given?.reason ?? '', given?.actor);
  setOutcome('updated');
}

/** The compute's state says how it is now, the reason why. A stop that failed leaves it as it is: running. */
async function recordFailure(input: ComputeLifecycleInput, error: unknown): Promise<void> {
  const { operation, spec, update: given } = input;
  const cause = causeOf(error);
  if (given) {
    await CancellationScope.nonCancellable(() =>
      controlActivities().undoUpdate(spec.id, given.before, cause),
    );
    return setOutcome('failed');
  }
  const { message, mend } = cause;
  const state = operation === 'stop' ? 'running' : 'failed';
  await CancellationScope.nonCancellable(() =>
    controlActivities().setComputeState(spec.id, state, `${operation} failed: ${message} ${mend}`.trim()),
  );
  setOutcome('failed');
}

/** A device's activities, on its own task queue; the summary is what Temporal's UI shows beside the activity's name. */
function onDevice(device: string, summary: string, options = STEP): ActivityInterfaceFor<DeviceActivities> {
  return proxyActivities<DeviceActivities>({ ...options, taskQueue: deviceTaskQueue(device), summary });
}

function setOutcome(outcome: string): void {
  upsertSearchAttributes([
    { key: defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD'), value: outcome },
  ]);
}
