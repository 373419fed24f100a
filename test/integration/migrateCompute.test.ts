import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { temporal } from '@temporalio/proto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readAttempts, type WorkflowTrace } from '../../api/migrations/readAttempts.ts';
import { CONTROL_TASK_QUEUE } from '../../core/device.ts';
import { ABORT_UPDATE, type AbortAnswer, type MigrateComputeInput } from '../../workflows/contract.ts';
import type { SourceOutcome } from '../../device/ownership/sourceTransfer.ts';
import type { migrateCompute } from '../../workflows/migrateCompute.ts';
import {
  fakes,
  input,
  roundResult,
  startWorkers,
  untilCancelled,
  type Fakes,
  type FakeWorkers,
} from './support/fakeMove.ts';
import { bundleWorkflows, startTemporal } from './support/temporalServer.ts';

const { History } = temporal.api.history.v1;
const HISTORIES = join(import.meta.dirname, '../histories');
/** The histories are protobuf, as the server gives them. Set it to write the histories anew, after a change that is meant to break workflows that run. */
const RECORD = process.env['DRAYAGE_RECORD_HISTORIES'] === '1';

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundle;
let workers: FakeWorkers;
let said: string[];
let fake: Fakes;
let runs = 0;

beforeAll(async () => {
  [environment, bundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
  workers = await startWorkers(environment, bundle, fakes([]));
});
afterAll(async () => {
  await workers.stop();
  await environment.teardown();
});
beforeEach(() => {
  said = [];
  fake = fakes(said);
  workers.use(fake);
});

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof migrateCompute>;

/** Runs a move with the fakes as they are; `meanwhile` may talk to it. */
async function move(
  name: string,
  meanwhile: (handle: Handle) => Promise<void> = async () => undefined,
  options: Partial<MigrateComputeInput> = {},
) {
  const handle = await environment.client.workflow.start<typeof migrateCompute>('migrateCompute', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `cmp_${String((runs += 1)).padStart(12, '0')}`,
    args: [{ ...input, ...options }],
  });
  await meanwhile(handle);
  const end = await handle.result();
  if (RECORD) await record(name, handle);
  return end;
}

async function record(name: string, handle: Handle): Promise<void> {
  await mkdir(HISTORIES, { recursive: true });
  const history = await handle.fetchHistory();
  forgetPaths(history);
  await writeFile(join(HISTORIES, `${name}.bin`), History.encode(history).finish());
}

/** Stack traces hold the paths of the machine that recorded them; a replay does not look at them. */
function forgetPaths(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'stackTrace') (value as Record<string, unknown>)[key] = '';
    else forgetPaths(inner);
  }
}

const failure = (code: string) =>
  ApplicationFailure.create({
    type: code,
    message: `${code} happened`,
    details: [{ code, message: `${code} happened`, mend: 'm' }],
    nonRetryable: true,
  });

test('a move goes through its states in order and releases the source at its end', async () => {
  const end = await move('moved');
  expect(end).toMatchObject({ state: 'succeeded', frozenMs: 80, wireBytes: 100 });
  expect(said.filter((word) => word.startsWith('state'))).toEqual([
    'state preflight',
    'state preparing',
    'state precopying',
    'state precopying',
    'state switching',
    'state releasing',
    'state releasing',
  ]);
  const order = [
    'prepare',
    'sync',
    'open transfer for epoch 2',
    'arm',
    'switch',
    'close transfer owner',
    'filled',
    'release source',
  ];
  expect(said.filter((word) => order.includes(word))).toEqual(order);
  const recorded = ['tracker content', 'round 1: round', 'round 2: switch', 'state switching'];
  expect(said.filter((word) => recorded.includes(word))).toEqual(recorded);
  expect(said.indexOf('arm source')).toBeLessThan(said.indexOf('switch'));
  expect(said).not.toContain('discard target');
  expect(said.slice(-2)).toEqual(['compute running', 'finish succeeded']);
});

test('what cannot run on the target is refused before anything is prepared', async () => {
  const blocker = { code: 'ioUring', message: 'It uses io_uring.', mend: 'm' };
  fake.source.inspectSource = async () => ({
    usage: [{ name: 'app', running: true, memoryBytes: 1, diskBytes: 1, blockers: [blocker] }],
    descriptors: {},
  });
  const end = await move('refused');
  expect(end).toMatchObject({ state: 'refused', reason: 'It uses io_uring.', causes: [blocker] });
  expect(said).not.toContain('prepare');
  expect(said.slice(-2)).toEqual(['compute running', 'finish refused']);
});

test('a step that fails once is tried again, and can be told of afterwards', async () => {
  let tried = 0;
  fake.source.syncFiles = async () => {
    tried += 1;
    const cause = { code: 'linkLost', message: 'the link was cut', mend: 'm' };
    if (tried === 1) throw ApplicationFailure.create({ message: cause.message, details: [cause] });
    return { bytes: 10 };
  };
  let events: WorkflowTrace['events'] = [];
  const end = await move('sync-tried-again', async (handle) => {
    await handle.result();
    events = (await handle.fetchHistory()).events ?? [];
  });
  expect(end).toMatchObject({ state: 'succeeded' });
  expect(readAttempts({ events, pending: [] })).toMatchObject([
    { activity: 'syncFiles', attempts: 2, state: 'succeeded', cause: { code: 'linkLost' } },
  ]);
});

test('a target that fails to prepare is cleared, and the move ends as failed', async () => {
  fake.target.prepareTarget = async () => Promise.reject(failure('noSpace'));
  const end = await move('prepare-failed');
  expect(end).toMatchObject({ state: 'failed', causes: [{ code: 'noSpace' }] });
  expect(said).toEqual(expect.arrayContaining(['discard target', 'forget source files']));
  expect(said).not.toContain('open transfer for epoch 2');
});

test('a target that fails to arm closes the transfer before it is cleared', async () => {
  fake.target.armTarget = async () => Promise.reject(failure('restoreFailed'));
  const end = await move('arm-failed');
  expect(end.state).toBe('failed');
  const undone = said
    .slice(said.indexOf('open transfer for epoch 2') + 1)
    .filter((word) => !/^(compute|phase|state|tracker|arm source)/.test(word));
  expect(undone).toEqual([
    'disarm source',
    'close transfer thawed',
    'end the copy',
    'drop the pages',
    'forget source files',
    'discard target',
    'finish failed',
  ]);
});

test('a source that thawed ends as rolled back, with its causes and phases', async () => {
  const cause = { code: 'linkLost', message: 'The link was lost.', mend: 'm' };
  fake.source.switchSource = async () => ({
    state: 'thawed',
    reason: 'discarded',
    causes: [cause],
    phases: [],
    frozenMs: null,
    wireBytes: 5,
    roundTrips: 1,
    rounds: [],
    predicted: null,
  });
  fake.target.awaitTarget = async () => ({ state: 'discarded', reason: 'r', causes: [], phases: [] });
  const end = await move('rolled-back');
  expect(end).toMatchObject({ state: 'rolledBack', causes: [cause] });
  expect(said).toEqual(
    expect.arrayContaining(['close transfer thawed', 'discard target', 'finish rolledBack']),
  );
  expect(said).not.toContain('release source');
});

test('a target that owns ends the move though the source never answers; the release is owed', async () => {
  fake.source.switchSource = untilCancelled;
  const end = await move('source-away');
  expect(end).toMatchObject({
    state: 'succeeded',
    reason: expect.stringContaining('clears its copy when it is back') as string,
  });
  expect(said).toContain('close transfer owner');
  expect(said).not.toContain('release source');
}, 60_000);

test('a target that lost its copy does not end the move: the source is waited for', async () => {
  let thaw = () => {};
  const thawed = new Promise<void>((resolve) => (thaw = resolve));
  fake.target.awaitTarget = async () => {
    setTimeout(thaw, 500);
    return { state: 'discarded', reason: 'r', causes: [], phases: [] };
  };
  fake.source.switchSource = async () => {
    await thawed;
    return {
      state: 'thawed',
      reason: 'discarded',
      causes: [],
      phases: [],
      frozenMs: null,
      wireBytes: 0,
      roundTrips: 2,
      rounds: [],
      predicted: null,
    };
  };
  expect((await move('target-discarded')).state).toBe('rolledBack');
});

test('an abort while files are copied stops the move and clears the target', async () => {
  let begun = () => {};
  const copying = new Promise<void>((resolve) => (begun = resolve));
  fake.source.syncFiles = () => {
    begun();
    return untilCancelled();
  };
  let answer: AbortAnswer | undefined;
  const end = await move('aborted', async (handle) => {
    await copying;
    answer = await handle.executeUpdate<AbortAnswer, []>(ABORT_UPDATE);
  });
  expect(answer).toMatchObject({ accepted: true });
  expect(end.state).toBe('aborted');
  expect(said).toEqual(expect.arrayContaining(['discard target', 'finish aborted']));
  expect(said).not.toContain('arm');
});

describe('an abort in the switch', () => {
  const outcome = { phases: [], frozenMs: null, wireBytes: 0, roundTrips: 1, rounds: [] };
  const stopped = { code: 'abortRequested', message: 'Asked.', mend: 'm' };
  const thawed: SourceOutcome = {
    ...{ ...outcome, state: 'thawed', reason: stopped.message, predicted: null, causes: [] },
  };

  /** A switch that ends when it is let go; `begun` resolves once it is under way. */
  function heldSwitch(end: SourceOutcome | null) {
    let begin = () => {};
    let letGo = () => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const released = new Promise<void>((resolve) => (letGo = resolve));
    const done = fake.source.switchSource;
    fake.source.switchSource = async (transfer, options) => {
      begin();
      await released;
      return end ?? done(transfer, options);
    };
    fake.target.awaitTarget = end
      ? untilCancelled
      : async () => {
          await released;
          return { state: 'owner', reason: 'r', causes: [], phases: [] };
        };
    return { begun, letGo };
  }

  const abort = (handle: Handle) => handle.executeUpdate<AbortAnswer, []>(ABORT_UPDATE);

  test("is refused with the source's words when that has handed over", async () => {
    const { begun, letGo } = heldSwitch(null);
    let answer: AbortAnswer | undefined;
    const end = await move('abort-refused', async (handle) => {
      await begun;
      answer = await abort(handle);
      letGo();
    });
    expect(answer).toEqual({ accepted: false, reason: 'The source has handed the compute over.' });
    expect(end.state).toBe('succeeded');
  });

  test('stops it when the source takes the compute back: aborted, with nothing to mend', async () => {
    const { begun, letGo } = heldSwitch({ ...thawed, causes: [stopped] });
    fake.source.abortSwitch = async () => {
      setTimeout(letGo, 200);
      return { accepted: true, reason: 'Taken back.' };
    };
    let answer: AbortAnswer | undefined;
    const end = await move('aborted-in-switch', async (handle) => {
      await begun;
      answer = await abort(handle);
    });
    expect(answer).toEqual({ accepted: true, reason: 'Taken back.' });
    expect(end).toMatchObject({ state: 'aborted', causes: [], frozenMs: null });
    expect(said).toEqual(
      expect.arrayContaining(['close transfer thawed', 'discard target', 'finish aborted']),
    );
    expect(said).not.toContain('release source');
  });

  test.each<[string, SourceOutcome | null, Partial<AbortAnswer>, string]>([
    ['the target has the compute', null, { accepted: false }, 'succeeded'],
    [
      'the source has taken it back for that',
      { ...thawed, causes: [stopped] },
      { accepted: true },
      'aborted',
    ],
    [
      'the source has taken it back for another reason',
      { ...thawed, causes: [{ ...stopped, code: 'linkLost' }] },
      { accepted: true },
      'rolledBack',
    ],
  ])('is answered though the source never does, once %s', async (_how, end, answered, state) => {
    const { begun, letGo } = heldSwitch(end);
    let asked = () => {};
    const heard = new Promise<void>((resolve) => (asked = resolve));
    fake.source.abortSwitch = () => {
      asked();
      return untilCancelled();
    };
    let answer: AbortAnswer | undefined;
    const { state: ended } = await move(`abort-unheard-${state}`, async (handle) => {
      await begun;
      const answering = abort(handle);
      await heard;
      letGo();
      answer = await answering;
    });
    expect(answer).toMatchObject(answered);
    expect(ended).toBe(state);
  });

  test('before the devices are asked to switch stops it: nothing was frozen', async () => {
    let begun = () => {};
    const arming = new Promise<void>((resolve) => (begun = resolve));
    fake.target.armTarget = () => {
      begun();
      return untilCancelled();
    };
    const end = await move('aborted-arming', async (handle) => {
      await arming;
      expect(await abort(handle)).toMatchObject({ accepted: true });
    });
    expect(end.state).toBe('aborted');
    expect(said).not.toContain('switch');
  });
});

describe('pre-copy', () => {
  /** More pages change in a round than the link carries in its time. */
  const endless = (round: number) => roundResult(round, 50_000);

  test('a compute that writes faster than the link carries is not frozen: the move is aborted, with what would help', async () => {
    fake.source.copyRound = async ({ round }) => endless(round);
    const end = await move('not-converging');
    expect(end).toMatchObject({ state: 'aborted', causes: [{ code: 'notConverging' }] });
    expect(end.causes[0]?.mend).toContain('--allow-throttle');
    expect(said).not.toContain('switch');
    expect(said).toEqual(
      expect.arrayContaining([
        ...['disarm source', 'close transfer thawed', 'end the copy', 'drop the pages', 'discard target'],
      ]),
    );
  });

  test('where that is allowed it is slowed down first, and runs at full speed again whatever comes of it', async () => {
    let share = 1;
    fake.source.throttleComputes = async ({ share: to }) => {
      said.push(`share ${to}`);
      share = to;
    };
    fake.source.copyRound = async ({ round }) => (share < 0.6 ? roundResult(round, 0) : endless(round));
    fake.source.switchSource = async () => Promise.reject(failure('linkLost'));
    fake.target.awaitTarget = untilCancelled;
    const end = await move('throttled', undefined, { allowThrottle: true });
    expect(end.state).toBe('failed');
    expect(said.filter((word) => word.startsWith('share'))).toEqual(['share 0.7', 'share 0.5', 'share 1']);
    expect(said.filter((word) => word.startsWith('throttled'))).toEqual(['throttled 0.7', 'throttled 0.5']);
  });

  test('a dry run copies, predicts, and leaves everything as it was', async () => {
    const end = await move('dry-run', undefined, { dryRun: true });
    expect(end.state).toBe('succeeded');
    expect(end.reason).toMatch(/freeze of about \d+ ms is expected.*[Nn]othing was moved/);
    expect(said).toEqual(expect.arrayContaining(['end the copy', 'drop the pages', 'discard target']));
    expect(said).not.toContain('arm');
    expect(said.slice(-2)).toEqual(['compute running', 'finish succeeded']);
  });

  test('a compute whose memory could not be filled in is said to have failed', async () => {
    fake.target.awaitFilled = async () => ({ state: 'failed', pages: 10, ms: 1, reason: 'a page is lost' });
    const end = await move('fill-failed');
    expect(end).toMatchObject({ state: 'failed', causes: [{ code: 'fillFailed' }] });
    expect(said).toEqual(expect.arrayContaining(['compute failed', 'release source']));
    expect(said).not.toContain('compute running');
  });

  test('what the hot window needs is started when the first round is nearly over, and the round goes on', async () => {
    let nearlyOver = () => {};
    let letGo = () => {};
    let over = false;
    const near = new Promise<void>((resolve) => (nearlyOver = resolve));
    const held = new Promise<void>((resolve) => (letGo = resolve));
    fake.source.awaitRoundEnding = () => near;
    fake.source.copyRound = async ({ round }) => {
      if (round > 1) return roundResult(round, 0);
      expect(said).not.toContain('arm');
      nearlyOver();
      await held;
      over = true;
      return roundResult(round, 1000);
    };
    fake.target.armTarget = async () => {
      said.push(over ? 'armed late' : 'armed beside');
      letGo();
    };
    expect((await move('armed-beside')).state).toBe('succeeded');
    expect(said).toContain('armed beside');
  });

  test('a target that fails to arm ends the round under way, and what was armed on the source', async () => {
    fake.source.copyRound = untilCancelled;
    fake.target.armTarget = async () => Promise.reject(failure('restoreFailed'));
    expect(await move('arm-failed-in-round')).toMatchObject({
      state: 'failed',
      causes: [{ code: 'restoreFailed' }],
    });
    expect(said).toEqual(expect.arrayContaining(['disarm source', 'end the copy', 'discard target']));
  });

  test('a round that fails when it was nearly over leaves nothing armed and no transfer open', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    fake.source.copyRound = async () => {
      end();
      return Promise.reject(failure('linkLost'));
    };
    fake.source.awaitRoundEnding = () => ended;
    fake.control.openTransfer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      said.push('opened');
    };
    expect((await move('round-failed')).state).toBe('failed');
    const count = (words: string) => said.filter((word) => word === words).length;
    expect(count('close transfer thawed')).toBe(count('opened'));
    expect(said.lastIndexOf('arm source')).toBeLessThanOrEqual(said.lastIndexOf('disarm source'));
  });

  test('a record that is slow lengthens no round', async () => {
    let record = () => {};
    const recorded = new Promise<void>((resolve) => (record = resolve));
    fake.control.recordRounds = async (_id, rounds) => {
      await recorded;
      for (const { round } of rounds) said.push(`recorded ${round}`);
    };
    const copied = fake.source.copyRound;
    fake.source.copyRound = async (round) => {
      if (round.round === 2) record();
      return copied(round);
    };
    await move('slow-record');
    expect(said.filter((word) => word.startsWith('recorded'))).toEqual(['recorded 1', 'recorded 2']);
  });

  test('the record has all before the switch in one piece, and hears nothing more until its end', async () => {
    const pieces: string[][] = [];
    const write = fake.control.recordMigration.bind(fake.control);
    fake.control.recordMigration = async (id, entries) => {
      pieces.push(entries.map((entry) => (entry.kind === 'state' ? entry.state : entry.kind)));
      await write(id, entries);
    };
    await move('recorded-together');
    const before = pieces.findIndex((piece) => piece.includes('switching'));
    expect(pieces[before]).toEqual(['rounds', 'phases', 'prediction', 'switching']);
    // What the switch came to, and what the move did right after it.
    expect(pieces[before + 1]).toEqual(expect.arrayContaining(['phases', 'prediction']));
    expect(said).toContain('phase restore');
  });

  test('an abort in the middle of a round stops it and drops what was copied', async () => {
    let begun = () => {};
    const copying = new Promise<void>((resolve) => (begun = resolve));
    fake.source.copyRound = () => {
      begun();
      return untilCancelled();
    };
    const end = await move('aborted-in-round', async (handle) => {
      await copying;
      await handle.executeUpdate<AbortAnswer, []>(ABORT_UPDATE);
    });
    expect(end.state).toBe('aborted');
    expect(said).toEqual(expect.arrayContaining(['end the copy', 'drop the pages', 'discard target']));
    expect(said).not.toContain('arm');
  });

  test('a worker that dies in every attempt of a round: the cause says that, and what it was at', async () => {
    // Silent, as one that was killed: neither heartbeat nor answer.
    let letGo = () => {};
    const over = new Promise<void>((resolve) => (letGo = resolve));
    fake.source.copyRound = () => over.then(() => roundResult(1, 0));
    fake.control.finishMigration = async () => letGo();
    const end = await move('round-unanswered');
    expect(end).toMatchObject({ state: 'failed', causes: [{ code: 'copyLost' }] });
    expect(end.causes[0]?.message).toMatch(/worker of the source device.*memory was being copied/);
  }, 120_000);

  test('each round is told what a freeze before it would have cost', async () => {
    const told: (number | null)[] = [];
    const expected: (number | null)[] = [];
    fake.source.copyRound = async ({ round, expectedFreezeMs }) => {
      told.push(expectedFreezeMs);
      return roundResult(round, round === 1 ? 1000 : 0);
    };
    fake.control.recordRounds = async (_id, rounds) =>
      void expected.push(...rounds.map(({ expectedFreezeMs }) => expectedFreezeMs));
    await move('expected-freeze');
    expect(told).toHaveLength(2);
    expect(told[0]).toBeGreaterThan(100);
    expect(told[1]).toBe(expected[0]);
  });

  test('a source that refuses in its last rounds has not failed: it was never stopped', async () => {
    const cause = { code: 'downtimeNotMet', message: 'It would take 900 ms.', mend: 'm' };
    fake.source.switchSource = async () => ({
      ...{ state: 'refused', reason: cause.message, causes: [cause], phases: [], frozenMs: null },
      ...{ wireBytes: 0, roundTrips: 0, rounds: [], predicted: { freezeMs: 900, wireBytes: 1 } },
    });
    fake.target.awaitTarget = untilCancelled;
    expect(await move('refused-closing')).toMatchObject({ state: 'aborted', causes: [cause] });
    expect(said).toContain('close transfer thawed');
  });
});

describe('recorded histories', () => {
  test('every one of them replays with the workflows as they are now', async () => {
    const files = (await readdir(HISTORIES)).filter((name) => name.endsWith('.bin'));
    expect(files.length).toBeGreaterThanOrEqual(9);
    for (const file of files) {
      const history = History.decode(await readFile(join(HISTORIES, file)));
      await expect(
        Worker.runReplayHistory({ workflowBundle: bundle }, history),
        file,
      ).resolves.toBeUndefined();
    }
  });
});
