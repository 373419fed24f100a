import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/common';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ControlActivities } from '../../activities/controlInterface.ts';
import type { ApplicationActivities } from '../../activities/device/application.ts';
import type { ComputeActivities } from '../../activities/device/compute.ts';
import type { Cause } from '../../core/cause.ts';
import { CONTROL_TASK_QUEUE, deviceTaskQueue } from '../../core/device.ts';
import type { buildApplication } from '../../workflows/buildApplication.ts';
import type { BuildApplicationInput } from '../../workflows/contract.ts';
import { addressRange } from './support/fixtures.ts';
import { spec } from './support/fakeMove.ts';
import { bundleWorkflows, startTemporal } from './support/temporalServer.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const input: BuildApplicationInput = {
  ...{ app: 'app_000000000001', name: 'shop', device: 'dev_000000000001', range: addressRange },
  base: { id: 'img_000000000002', digest: DIGEST },
};

let environment: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
let said: string[];
/** Per activity what it fails with; `times` counts down. */
let failing: Map<string, { error: Error; times: number }>;
let failedFor: Cause[];

beforeAll(async () => {
  [environment, workflowBundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
});
afterAll(() => environment.teardown());
beforeEach(() => {
  said = [];
  failing = new Map();
  failedFor = [];
});

async function say(name: string, ...words: string[]): Promise<void> {
  said.push([name, ...words].join(' '));
  const failure = failing.get(name);
  if (failure && failure.times-- > 0) throw failure.error;
}

const control: Pick<ControlActivities, 'setAppState' | 'createAppCompute' | 'setComputeState'> = {
  setAppState: async (_app, state, causes = []) => {
    failedFor = causes;
    await say('app', state);
  },
  createAppCompute: async () => {
    await say('createAppCompute');
    return { spec, device: input.device, epoch: 1 };
  },
  setComputeState: (_compute, state) => say('compute', state),
};
const device: ApplicationActivities &
  Pick<ComputeActivities, 'ensureImage' | 'createCompute' | 'startCompute' | 'removeCompute'> = {
  ensureImage: ({ image }) => say('ensureImage', image.id),
  buildImage: async () => (await say('buildImage'), DIGEST),
  sendImage: (_app, digest) => say('sendImage', digest === DIGEST ? 'of what was built' : digest),
  discardBuild: () => say('discardBuild'),
  createCompute: () => say('createCompute'),
  startCompute: () => say('startCompute'),
  removeCompute: () => say('removeCompute'),
};

/** Runs a build to its end; resolves with whether it failed. */
async function build(): Promise<'done' | 'failed'> {
  const connection = environment.nativeConnection;
  const worker = (taskQueue: string, activities: object, bundle?: WorkflowBundle) =>
    Worker.create({ connection, taskQueue, activities, ...(bundle ? { workflowBundle: bundle } : {}) });
  const controlWorker = await worker(CONTROL_TASK_QUEUE, control, workflowBundle);
  const deviceWorker = await worker(deviceTaskQueue(input.device), device);
  return deviceWorker.runUntil(
    controlWorker.runUntil(async () => {
      const handle = await environment.client.workflow.start<typeof buildApplication>('buildApplication', {
        ...{ workflowId: input.app, taskQueue: CONTROL_TASK_QUEUE, args: [input] },
      });
      return handle.result().then(
        () => 'done' as const,
        () => 'failed' as const,
      );
    }),
  );
}

function fail(activity: string, times = Infinity): void {
  const cause = { code: 'buildFailed', message: 'It cannot be built.', mend: 'See its log.' };
  const { code: type, message } = cause;
  const error = ApplicationFailure.create({
    type,
    message,
    details: [cause],
    nonRetryable: times === Infinity,
  });
  failing.set(activity, { error, times });
}

const BASE = `ensureImage ${input.base.id}`;
const MAKING = [`ensureImage ${spec.image.id}`, 'createCompute', 'startCompute', 'compute running'];

describe('buildApplication', () => {
  test('fetches the base, builds, stores, and makes the compute as any is made', async () => {
    expect(await build()).toBe('done');
    expect(said).toEqual([
      ...['app fetching', BASE, 'app building', 'buildImage', 'app storing', 'sendImage of what was built'],
      ...['app starting', 'createAppCompute', ...MAKING, 'app running'],
    ]);
  });

  test('repeats a step that failed for a moment', async () => {
    fail('buildImage', 1);
    expect(await build()).toBe('done');
    expect(said.filter((step) => step === 'buildImage')).toHaveLength(2);
    expect(said.at(-1)).toBe('app running');
  });

  test.each([
    ['the base does not come', 'ensureImage', [BASE]],
    ['it cannot be built', 'buildImage', [BASE, 'app building', 'buildImage']],
    [
      'it is not stored',
      'sendImage',
      [BASE, 'app building', 'buildImage', 'app storing', 'sendImage of what was built'],
    ],
  ])('says why when %s, and leaves nothing on the device', async (_what, activity, steps) => {
    fail(activity);
    expect(await build()).toBe('failed');
    expect(said).toEqual(['app fetching', ...steps, 'app failed', 'discardBuild']);
    expect(failedFor).toMatchObject([{ code: 'buildFailed', mend: 'See its log.' }]);
  });

  test('says why when its compute does not start; the compute says it too', async () => {
    fail('startCompute');
    expect(await build()).toBe('failed');
    expect(said.slice(-4)).toEqual(['removeCompute', 'compute failed', 'app failed', 'discardBuild']);
    expect(failedFor).toMatchObject([{ code: 'buildFailed' }]);
  });
});
