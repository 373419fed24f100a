import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/common';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ControlActivities } from '../../activities/controlInterface.ts';
import type { SnapshotActivities } from '../../activities/device/snapshot.ts';
import { CONTROL_TASK_QUEUE, deviceTaskQueue } from '../../core/device.ts';
import type { snapshotCompute } from '../../workflows/snapshotCompute.ts';
import { SOURCE as device, spec } from './support/fakeMove.ts';
import { makeContent } from './support/fixtures.ts';
import { bundleWorkflows, startTemporal } from './support/temporalServer.ts';

const snapshot = 'snp_000000000001';
const content = makeContent();

let environment: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
let said: string[];
/** The activity that fails, and what with. */
let failing: { name: string; error: Error } | null;

beforeAll(async () => {
  [environment, workflowBundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
});
afterAll(() => environment.teardown());
beforeEach(() => {
  said = [];
  failing = null;
});

/** An activity that notes what it was asked, and answers so. */
const step =
  <Args extends unknown[], T>(name: string, answer: T, shown: (...args: Args) => string = () => '') =>
  async (...args: Args): Promise<T> => {
    said.push(`${name} ${shown(...args)}`.trim());
    if (failing?.name === name) throw failing.error;
    return answer;
  };

const onDevice: Omit<SnapshotActivities, 'restoreSnapshot' | 'recoverCompute'> = {
  inspectForSnapshot: step('inspect', { memoryBytes: 300, diskBytes: 50 }),
  takeSnapshot: step('take', content, ({ memoryBytes }) => String(memoryBytes)),
  discardSnapshot: step('discard', undefined),
};
const control: Pick<ControlActivities, 'reserveSnapshot' | 'finishSnapshot' | 'failSnapshot'> = {
  reserveSnapshot: step('reserve', undefined, (_id, bytes) => String(bytes)),
  finishSnapshot: step('finish', undefined, (_id, given) => String(given.parts.length)),
  failSnapshot: step('fail', undefined, (_id, { code }) => code),
};

/** Runs it to its end; tells whether it failed. */
async function run(): Promise<boolean> {
  const connection = environment.nativeConnection;
  const options = { connection, workflowBundle };
  const worker = await Worker.create({ ...options, taskQueue: CONTROL_TASK_QUEUE, activities: control });
  const queue = deviceTaskQueue(device);
  const other = await Worker.create({ connection, taskQueue: queue, activities: onDevice });
  return other.runUntil(
    worker.runUntil(async () => {
      const handle = await environment.client.workflow.start<typeof snapshotCompute>('snapshotCompute', {
        workflowId: spec.id,
        taskQueue: CONTROL_TASK_QUEUE,
        args: [{ snapshot, spec, device, endSessions: false }],
      });
      return handle.result().then(
        () => false,
        () => true,
      );
    }),
  );
}

function fail(name: string, code: string): void {
  const cause = { code, message: 'It failed.', mend: 'Try again.' };
  const options = { type: code, message: cause.message, details: [cause], nonRetryable: true };
  failing = { name, error: ApplicationFailure.create(options) };
}

describe('snapshotCompute', () => {
  test('looks, claims what it is expected to take, takes it once and records it', async () => {
    expect(await run()).toBe(false);
    expect(said).toEqual(['inspect', 'reserve 350', 'take 300', 'finish 2']);
  });

  test.each([
    ['inspect', 'ioUring', ['inspect', 'fail ioUring']],
    ['reserve', 'quotaExceeded', ['inspect', 'reserve 350', 'fail quotaExceeded']],
    ['take', 'dumpFailed', ['inspect', 'reserve 350', 'take 300', 'fail dumpFailed', 'discard']],
    [
      'finish',
      'quotaExceeded',
      ['inspect', 'reserve 350', 'take 300', 'finish 2', 'fail quotaExceeded', 'discard'],
    ],
  ])('that fails at %s says why, and leaves nothing on the device', async (name, code, steps) => {
    fail(name, code);
    expect(await run()).toBe(true);
    expect(said).toEqual(steps);
  });

  test('is not taken a second time when an attempt is lost', async () => {
    failing = { name: 'take', error: new Error('the worker ended') };
    expect(await run()).toBe(true);
    expect(said.filter((one) => one === 'take 300')).toHaveLength(1);
    expect(said.slice(-2)).toEqual(['fail unexpected', 'discard']);
  });
});
