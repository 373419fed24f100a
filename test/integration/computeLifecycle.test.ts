import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure, defineSearchAttributeKey } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ControlActivities } from '../../activities/controlInterface.ts';
import type { ComputeActivities } from '../../activities/device/compute.ts';
import type { SnapshotActivities } from '../../activities/device/snapshot.ts';
import { computeSpecSchema } from '../../core/compute.ts';
import { CONTROL_TASK_QUEUE, deviceTaskQueue } from '../../core/device.ts';
import { SearchAttribute, type LifecycleOperation } from '../../workflows/contract.ts';
import type { computeLifecycle } from '../../workflows/computeLifecycle.ts';
import { bundleWorkflows, startTemporal } from './support/temporalServer.ts';

const device = 'dev_000000000001';
const spec = computeSpecSchema.parse({
  id: 'cmp_000000000001',
  group: 'grp_000000000001',
  name: 'app',
  image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
  address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
});

const update = { before: spec, reason: 'Changed: CPUs.', actor: 'usr_1' };

let environment: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
let said: string[];
/** Per activity what it fails with; times counts down. */
let failing: Map<string, { error: Error; times: number }>;

function fake<T extends string>(names: readonly T[]): Record<T, (...args: unknown[]) => Promise<void>> {
  const activity = (name: string) => (_: unknown, second?: unknown) => {
    said.push([name, ...(typeof second === 'string' ? [second] : [])].join(' '));
    const failure = failing.get(name);
    if (!failure || failure.times-- <= 0) return Promise.resolve();
    return Promise.reject(failure.error);
  };
  return Object.fromEntries(names.map((name) => [name, activity(name)])) as Record<T, () => Promise<void>>;
}

const deviceNames = [
  'ensureImage',
  'createCompute',
  'startCompute',
  'stopCompute',
  'removeCompute',
  'updateCompute',
  'restoreSnapshot',
  'recoverCompute',
] satisfies (keyof ComputeActivities | keyof SnapshotActivities)[];
const controlNames = [
  'setComputeState',
  'removeComputeRecord',
  'endUpdate',
  'undoUpdate',
  'setRestored',
] satisfies (keyof ControlActivities)[];

beforeAll(async () => {
  [environment, workflowBundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
});
afterAll(() => environment.teardown());
beforeEach(() => {
  said = [];
  failing = new Map();
});

/** Runs one operation to its end; the device may be without a worker. */
async function operate(operation: LifecycleOperation): Promise<{ outcome: unknown; error: unknown }> {
  const connection = environment.nativeConnection;
  const control = await Worker.create({
    connection,
    taskQueue: CONTROL_TASK_QUEUE,
    workflowBundle,
    activities: fake(controlNames),
  });
  const onDevice = await Worker.create({
    connection,
    taskQueue: deviceTaskQueue(device),
    activities: fake(deviceNames),
  });
  return onDevice.runUntil(
    control.runUntil(async () => {
      const handle = await environment.client.workflow.start<typeof computeLifecycle>('computeLifecycle', {
        workflowId: spec.id,
        taskQueue: CONTROL_TASK_QUEUE,
        args: [{ operation, spec, device, epoch: 1, ...(operation === 'update' ? { update } : {}) }],
      });
      const error = await handle.result().then(
        () => null,
        (reason: unknown) => reason,
      );
      const { typedSearchAttributes } = await handle.describe();
      const outcome = typedSearchAttributes.get(defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD'));
      return { outcome, error };
    }),
  );
}

function fail(activity: string, options: { nonRetryable: boolean; times?: number }): void {
  const cause = { code: 'diskFull', message: 'The disk is full.', mend: 'Free space.' };
  const error = ApplicationFailure.create({
    type: cause.code,
    message: cause.message,
    details: [cause],
    nonRetryable: options.nonRetryable,
  });
  failing.set(activity, { error, times: options.times ?? Infinity });
}

describe('computeLifecycle', () => {
  test('create fetches, makes, starts and records', async () => {
    expect(await operate('create')).toEqual({ outcome: 'running', error: null });
    expect(said).toEqual(['ensureImage', 'createCompute', 'startCompute', 'setComputeState running']);
  });

  test.each<[LifecycleOperation, string, string[]]>([
    ['restore', 'running', ['ensureImage', 'restoreSnapshot', 'setRestored']],
    ['recover', 'running', ['ensureImage', 'recoverCompute', 'setRestored']],
    ['start', 'running', ['ensureImage', 'startCompute', 'setComputeState running']],
    ['stop', 'stopped', ['stopCompute', 'setComputeState stopped']],
    ['remove', 'removed', ['stopCompute', 'removeCompute', 'removeComputeRecord']],
    ['update', 'updated', ['updateCompute', 'endUpdate Changed: CPUs.']],
  ])('%s ends as %s', async (operation, outcome, steps) => {
    expect(await operate(operation)).toEqual({ outcome, error: null });
    expect(said).toEqual(steps);
  });

  test('a step that fails once is repeated', async () => {
    fail('createCompute', { nonRetryable: false, times: 1 });
    expect(await operate('create')).toMatchObject({ outcome: 'running' });
    expect(said.filter((step) => step === 'createCompute')).toHaveLength(2);
  });

  test('a create that fails leaves nothing on the device and says why', async () => {
    fail('startCompute', { nonRetryable: true });
    const { outcome, error } = await operate('create');
    expect(outcome).toBe('failed');
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect(said).toEqual([
      'ensureImage',
      'createCompute',
      'startCompute',
      'removeCompute',
      'setComputeState failed',
    ]);
  });

  test('a restore that fails leaves nothing on the device either', async () => {
    fail('restoreSnapshot', { nonRetryable: true });
    expect(await operate('restore')).toMatchObject({ outcome: 'failed' });
    expect(said).toEqual(['ensureImage', 'restoreSnapshot', 'removeCompute', 'setComputeState failed']);
  });

  test('an image that does not come leaves nothing to undo', async () => {
    fail('ensureImage', { nonRetryable: true });
    expect(await operate('create')).toMatchObject({ outcome: 'failed' });
    expect(said).toEqual(['ensureImage', 'setComputeState failed']);
  });

  test('an undo is repeated until it succeeds', async () => {
    fail('startCompute', { nonRetryable: true });
    fail('removeCompute', { nonRetryable: false, times: 2 });
    expect(await operate('create')).toMatchObject({ outcome: 'failed' });
    expect(said.filter((step) => step === 'removeCompute')).toHaveLength(3);
    expect(said.at(-1)).toBe('setComputeState failed');
  });

  test('an update that fails gives the compute back what it had, and leaves its state alone', async () => {
    fail('updateCompute', { nonRetryable: true, times: 1 });
    expect(await operate('update')).toMatchObject({ outcome: 'failed' });
    expect(said).toEqual(['updateCompute', 'updateCompute', 'undoUpdate']);
  });

  test('a stop that fails leaves the compute recorded as running', async () => {
    fail('stopCompute', { nonRetryable: true });
    expect(await operate('stop')).toMatchObject({ outcome: 'failed' });
    expect(said).toEqual(['stopCompute', 'setComputeState running']);
  });
});
