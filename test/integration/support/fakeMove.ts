import { setTimeout as pause } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import type { ControlActivities } from '../../../activities/controlInterface.ts';
import type { MemoryActivities } from '../../../activities/device/memoryInterface.ts';
import type { MigrationActivities } from '../../../activities/device/migration.ts';
import { computeSpecSchema } from '../../../core/compute.ts';
import type { MeasuredRound } from '../../../core/decideNextRound.ts';
import { tell } from '../../../core/migrationRecord.ts';
import { CONTROL_TASK_QUEUE, deviceTaskQueue, type Inventory } from '../../../core/device.ts';
import type { MigrateComputeInput } from '../../../workflows/contract.ts';

export const SOURCE = 'dev_000000000001';
export const TARGET = 'dev_000000000002';

export const spec = computeSpecSchema.parse({
  id: 'cmp_000000000001',
  group: 'grp_000000000001',
  name: 'app',
  image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
  address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
});

export const input: MigrateComputeInput = {
  migrationId: 'mig_000000000001',
  group: spec.group,
  computes: [spec],
  source: SOURCE,
  target: TARGET,
  epoch: 1,
};

const inventory: Inventory = {
  hostname: 'd',
  architecture: 'x64',
  kernel: '6.18',
  engine: '28.5.2',
  criu: '4.2.1',
  runc: '1.3.6',
  cgroupVersion: '1',
  cgroupDriver: 'cgroupfs',
  cpuFeatures: [],
  cpus: 2,
  memoryBytes: 2 ** 33,
  memoryAvailableBytes: 2 ** 33,
  diskBytes: 2 ** 36,
  diskAvailableBytes: 2 ** 36,
  linkAddress: '10.0.0.1:7444',
  version: '0.1.0',
};

/** Does nothing until the server cancels it. */
export async function untilCancelled(): Promise<never> {
  const { cancellationSignal, heartbeat } = Context.current();
  while (!cancellationSignal.aborted) {
    heartbeat();
    await pause(100);
  }
  throw new CancelledFailure('cancelled');
}

/** A round that sent so many pages over a link of 100 MB/s; as many have changed meanwhile. */
export function roundResult(round: number, pages: number): MeasuredRound {
  const bytes = pages * 4096;
  return {
    ...{ round, pages, bytes, wireBytes: bytes, ms: 10 + bytes / 100_000, scanMs: 10 },
    ...{ dirtyPagesPerSecond: round === 1 ? 0 : pages / (0.01 + bytes / 1e8), lookedPages: 1000 },
    ...{ zeroPages: 0, knownPages: 0, linkBytesPerSecond: 1e8, leftPages: null },
  };
}

const notOfMoves: Pick<
  ControlActivities,
  'setAppState' | 'createAppCompute' | 'setRestored' | 'reserveSnapshot' | 'finishSnapshot' | 'failSnapshot'
> = {
  setAppState: () => Promise.reject(new Error('a move builds nothing')),
  createAppCompute: () => Promise.reject(new Error('a move builds nothing')),
  setRestored: () => Promise.reject(new Error('a move restores no snapshot')),
  reserveSnapshot: () => Promise.reject(new Error('a move makes no snapshot')),
  finishSnapshot: () => Promise.reject(new Error('a move makes no snapshot')),
  failSnapshot: () => Promise.reject(new Error('a move makes no snapshot')),
};

/** Devices and control plane that do as they are told, and note in `said` what they were asked. */
export function fakes(said: string[]) {
  const control: ControlActivities = {
    setMigrationState: async (_id, state) => void said.push(`state ${state}`),
    recordPhases: async (_id, phases) => {
      for (const { name } of phases) said.push(`phase ${name}`);
    },
    recordRounds: async (_id, rounds) => {
      for (const { round, decision } of rounds) said.push(`round ${round}: ${decision}`);
    },
    recordMemoryPlan: async (_id, { tracker }) => void said.push(`tracker ${tracker.name}`),
    recordPrediction: async (_id, { freezeMs }) => void said.push(`predicted ${freezeMs}`),
    recordThrottle: async (_id, share) => void said.push(`throttled ${share}`),
    async recordMigration(id, entries) {
      for (const entry of entries) await tell(control, id, entry);
    },
    freezeHistory: async () => 100,
    finishMigration: async ({ state }) => void said.push(`finish ${state}`),
    inventories: async () => ({ source: inventory, target: inventory }),
    openTransfer: async ({ epoch }) => void said.push(`open transfer for epoch ${epoch}`),
    closeTransfer: async (_id, outcome) => void said.push(`close transfer ${outcome}`),
    setComputeState: async (_id, state) => void said.push(`compute ${state}`),
    removeComputeRecord: async () => undefined,
    endUpdate: () => Promise.resolve(),
    undoUpdate: () => Promise.resolve(),
    ...notOfMoves,
  };
  const phase = (name: 'freeze' | 'restore') => ({ name, startedAt: '2026-01-01T00:00:00.000Z', ms: 1 });
  const source: Pick<
    MigrationActivities & MemoryActivities,
    | 'inspectSource'
    | 'syncFiles'
    | 'switchSource'
    | 'abortSwitch'
    | 'releaseSource'
    | 'forgetFiles'
    | 'openMemory'
    | 'copyRound'
    | 'awaitRoundEnding'
    | 'armSource'
    | 'disarmSource'
    | 'throttleComputes'
    | 'closeMemory'
  > = {
    inspectSource: async () => ({
      usage: [{ name: 'app', running: true, memoryBytes: 1, diskBytes: 1, blockers: [] }],
      descriptors: {},
    }),
    syncFiles: async () => (said.push('sync'), { bytes: 10 }),
    switchSource: async () => {
      said.push('switch');
      return {
        state: 'released',
        reason: 'live',
        causes: [],
        phases: [phase('freeze')],
        frozenMs: 80,
        wireBytes: 90,
        roundTrips: 2,
        rounds: [],
        predicted: { freezeMs: 110, wireBytes: 90 },
      };
    },
    abortSwitch: async () => ({ accepted: false, reason: 'The source has handed the compute over.' }),
    openMemory: async () => ({
      tracker: { name: 'content', reason: 'probed' },
      restore: { mode: 'lazy', reason: 'shares nothing' },
      memoryBytes: 4096 * 1000,
      copies: true,
    }),
    copyRound: async ({ round }) => roundResult(round, round === 1 ? 1000 : 0),
    awaitRoundEnding: async () => undefined,
    armSource: async () => void said.push('arm source'),
    disarmSource: async () => void said.push('disarm source'),
    throttleComputes: async ({ share }) => void said.push(`share ${share}`),
    closeMemory: async () => void said.push('end the copy'),
    releaseSource: async () => void said.push('release source'),
    forgetFiles: async () => void said.push('forget source files'),
  };
  const target: Pick<
    MigrationActivities & MemoryActivities,
    | 'prepareTarget'
    | 'armTarget'
    | 'awaitTarget'
    | 'discardTarget'
    | 'forgetFiles'
    | 'closeMemory'
    | 'awaitFilled'
  > = {
    prepareTarget: async () => void said.push('prepare'),
    armTarget: async () => void said.push('arm'),
    awaitTarget: async () => ({ state: 'owner', reason: 'handed', causes: [], phases: [phase('restore')] }),
    discardTarget: async () => (said.push('discard target'), { state: 'discarded' as const }),
    forgetFiles: async () => void said.push('forget target files'),
    closeMemory: async () => void said.push('drop the pages'),
    awaitFilled: async () => (said.push('filled'), { state: 'filled', pages: 1000, ms: 5, reason: '' }),
  };
  return { control, source, target };
}
export type Fakes = ReturnType<typeof fakes>;

/** A control worker and both devices' workers; what they do is what they were told to do last. */
export interface FakeWorkers {
  use(fakes: Fakes): void;
  stop(): Promise<void>;
}

/** Starts them; the devices' ids are those of `input`, or `over`. The caller stops them. */
export async function startWorkers(
  { nativeConnection: connection }: TestWorkflowEnvironment,
  workflowBundle: WorkflowBundle,
  first: Fakes,
  over: { source: string; target: string } = { source: SOURCE, target: TARGET },
): Promise<FakeWorkers> {
  let now = first;
  const activitiesOf = (party: keyof Fakes) => {
    const call = (name: string, args: unknown[]) =>
      (now[party] as Record<string, (...args: unknown[]) => unknown>)[name]!(...args);
    return Object.fromEntries(
      Object.keys(first[party]).map((name) => [name, (...args: unknown[]) => call(name, args)]),
    );
  };
  const common = { connection, maxHeartbeatThrottleInterval: 100, defaultHeartbeatThrottleInterval: 100 };
  const workers = await Promise.all([
    Worker.create({
      ...common,
      ...{ taskQueue: CONTROL_TASK_QUEUE, workflowBundle, activities: activitiesOf('control') },
    }),
    Worker.create({ ...common, taskQueue: deviceTaskQueue(over.source), activities: activitiesOf('source') }),
    Worker.create({ ...common, taskQueue: deviceTaskQueue(over.target), activities: activitiesOf('target') }),
  ]);
  const ended = Promise.all(workers.map((worker) => worker.run()));
  return {
    use: (fakes) => (now = fakes),
    async stop() {
      for (const worker of workers) worker.shutdown();
      await ended;
    },
  };
}
