import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../api/logger.ts';
import { settle } from '../../api/settle.ts';
import type { EvacuationView } from '../../core/api/evacuations.ts';
import { newId } from '../../core/ids.ts';
import { advanceGroup } from './support/advanceGroup.ts';
import { removeCompute, setComputeState } from '../../db/computes.ts';
import { getDevice } from '../../db/devices.ts';
import { eventsOf } from '../../db/events.ts';
import { finishMigration, getMigration, setMigrationRun } from '../../db/migrationRecords.ts';
import { type EvacuationStep, stepEvacuation } from '../../db/planning/step.ts';
import { evacuation } from '../../db/schema/index.ts';
import { causeOf as cause } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { makeCompute, makeDevice, makeImage } from './support/fixtures.ts';

const MIB = 2 ** 20;
const api = useApi();
const log = createLogger('silent');

const db = () => api.context.db;
const evacuate = (device: string, body: object = {}) =>
  api.call('POST', `/devices/${device}/evacuations`, body);
const show = async (id: string) =>
  (await api.call('GET', `/evacuations/${id}`)).body as unknown as EvacuationView;
/** What the workflow would do next. */
const step = (id: string): Promise<EvacuationStep> =>
  stepEvacuation(db(), id, { strategy: 'spread', newId: () => newId('migration', randomBytes) });
const states = ({ items }: EvacuationView) =>
  Object.fromEntries(
    items.map(({ computes: [one], state, target }) => [one?.name ?? '', [state, target?.name ?? null]]),
  );

/** Moves that the step wants started are started. */
async function go(id: string): Promise<string[]> {
  const next = await step(id);
  if (next.action === 'end') throw new Error(`it has ended: ${next.reason}`);
  for (const move of next.moves) await setMigrationRun(db(), move, `run-${move}`);
  return next.moves;
}

/** A move comes to its end. */
async function end(move: string, state: 'succeeded' | 'rolledBack' | 'aborted' = 'succeeded'): Promise<void> {
  const { compute, target } = await getMigration(db(), move);
  if (state === 'succeeded') await advanceGroup(db(), compute.id, target.id);
  await finishMigration(db(), move, { state, reason: `It has ${state}.`, causes: [] });
}

const room = (mib: number) => ({ inventory: { memoryAvailableBytes: (mib + 64) * MIB } });
const limit = (mib: number) => ({ spec: { memoryBytes: mib * MIB } });

/** d1 with three computes, the biggest of 300 MiB; d2 and d3 beside it. */
async function fleet() {
  const d1 = await makeDevice(db(), { name: 'd1', ...room(1000) });
  await makeDevice(db(), { name: 'd2', ...room(600) });
  await makeDevice(db(), { name: 'd3', ...room(350) });
  const computes = [];
  for (const [name, mib] of [
    ['small', 100],
    ['big', 300],
    ['middle', 200],
  ] as const)
    computes.push(await makeCompute(db(), { name, deviceId: d1.id, ...limit(mib) }));
  return { d1, computes };
}

describe('a dry run', () => {
  it('shows order, targets, figures and the end, and changes nothing', async () => {
    await fleet();
    const planned = await evacuate('d1', { dryRun: true });
    expect(planned.status).toBe(200);
    expect(planned.body).toMatchObject({
      device: { name: 'd1' },
      caps: { perSource: 2, perTarget: 2, perLink: 1 },
      items: [
        {
          computes: [{ name: 'big' }],
          state: 'waiting',
          source: { name: 'd1' },
          target: { name: 'd2' },
          attempts: 0,
        },
        { computes: [{ name: 'middle' }], target: { name: 'd3' } },
        { computes: [{ name: 'small' }], target: { name: 'd2' } },
      ],
      counts: { waiting: 3, moved: 0 },
      reason: 'd1 is going to be emptied.',
    });
    const { items, predictedEndAt, plannedEndAt } = planned.body as unknown as EvacuationView;
    expect(items.every(({ predicted, endsAt, reason }) => predicted && endsAt && reason)).toBe(true);
    expect(predictedEndAt).toBe(
      items
        .map(({ endsAt }) => endsAt)
        .sort()
        .at(-1),
    );
    expect(plannedEndAt).toBe(predictedEndAt);
    expect((await api.call('GET', '/evacuations')).body.items).toEqual([]);
    expect((await getDevice(db(), 'd1')).state).toBe('ready');
    expect(api.workflows.evacuations).toEqual([]);
  });

  it('says what cannot be moved, and what would help', async () => {
    const d1 = await makeDevice(db(), { name: 'd1', ...room(1000) });
    await makeDevice(db(), { name: 'd2', ...room(150) });
    await makeCompute(db(), { name: 'big', deviceId: d1.id, ...limit(200) });
    const idle = await makeCompute(db(), { name: 'idle', deviceId: d1.id });
    await setComputeState(db(), idle.id, 'stopped');
    const { items } = (await evacuate('d1', { dryRun: true })).body as unknown as EvacuationView;
    expect(items).toMatchObject([
      {
        computes: [{ name: 'big' }],
        target: null,
        causes: [
          {
            message: '1 of 1 device cannot: 1 lacks memory.',
            mend: expect.stringContaining('Free 50 MiB of memory on d2') as string,
          },
          {},
        ],
      },
      { computes: [{ name: 'idle' }], target: null, causes: [{ code: 'notRunning' }] },
    ]);
  });
});

describe('an evacuation', () => {
  let id = '';
  let computes: Awaited<ReturnType<typeof fleet>>['computes'] = [];
  beforeEach(async () => {
    ({ computes } = await fleet());
    const accepted = await evacuate('d1');
    expect(accepted).toMatchObject({ status: 202, body: { workflowId: accepted.body.id } });
    ({ id } = accepted.body);
  });
  const nameOf = async (move: string) => (await getMigration(db(), move)).compute.name;

  it('cordons its device, begins, and is on record', async () => {
    expect((await getDevice(db(), 'd1')).state).toBe('draining');
    expect(api.workflows.evacuations).toEqual([{ evacuationId: id }]);
    expect((await api.call('GET', '/evacuations?open=true')).body.items).toMatchObject([
      { id, kind: 'evacuate', state: 'running', device: { name: 'd1' }, counts: { waiting: 3 } },
    ]);
    expect((await api.call('GET', '/evacuations?device=d2')).body.items).toEqual([]);
  });

  it('moves all of it under its caps, the biggest first, and has drained the device', async () => {
    const [first, second, ...none] = await go(id);
    expect(none).toEqual([]);
    expect([await nameOf(first ?? ''), await nameOf(second ?? '')]).toEqual(['big', 'middle']);
    expect(await go(id)).toEqual([]);
    await end(first ?? '');
    const [third] = await go(id);
    expect(await nameOf(third ?? '')).toBe('small');
    await end(second ?? '');
    await end(third ?? '');
    expect(await step(id)).toMatchObject({ action: 'end', reason: '3 computes moved.' });
    expect(await show(id)).toMatchObject({ state: 'succeeded', counts: { moved: 3 }, predictedEndAt: null });
    expect((await getDevice(db(), 'd1')).state).toBe('drained');
    expect((await getMigration(db(), first ?? '')).evacuation).toBe(id);
    const types = (await eventsOf(db(), id)).map(({ type }) => type);
    expect(types.filter((type) => type !== 'evacuation.item')).toEqual([
      'evacuation.running',
      'evacuation.succeeded',
    ]);
  });

  it('gives the same moves again to a step that was cut short', async () => {
    const before = await step(id);
    const again = await step(id);
    expect(again).toMatchObject({ action: 'go', moves: before.action === 'go' ? before.moves : [] });
  });

  it('tries elsewhere where a target has failed, and leaves what fails everywhere', async () => {
    const [first] = await go(id);
    await end(first ?? '', 'rolledBack');
    await makeDevice(db(), { name: 'd4', ...room(320) });
    await go(id);
    const big = (await show(id)).items.find(({ computes: [one] }) => one?.name === 'big');
    expect(big).toMatchObject({ state: 'waiting', attempts: 1, target: { name: 'd4' } });
  });

  it('takes note of what was deleted, moved by somebody else, or has come', async () => {
    const [small, , middle] = computes;
    await removeCompute(db(), small?.id ?? '');
    await advanceGroup(db(), middle?.id ?? '', (await getDevice(db(), 'd3')).id);
    await makeCompute(db(), { name: 'late', deviceId: (await getDevice(db(), 'd1')).id });
    await go(id);
    const { items } = await show(id);
    const byGroup = new Map(items.map(({ group, state }) => [group, state]));
    expect(byGroup.get(small?.groupId ?? '')).toBe('gone');
    expect(byGroup.get(middle?.groupId ?? '')).toBe('gone');
    expect(items.find(({ computes: [one] }) => one?.name === 'late')?.state).not.toBe('gone');
  });

  it('starts nothing while it is paused, and goes on', async () => {
    const paused = await api.call('POST', `/evacuations/${id}/pause`);
    expect(paused).toMatchObject({ status: 200, body: { state: 'paused' } });
    expect(await go(id)).toEqual([]);
    expect((await show(id)).predictedEndAt).toBeNull();
    expect(await api.call('POST', `/evacuations/${id}/pause`)).toMatchObject({ status: 200 });
    expect(await api.call('POST', `/evacuations/${id}/resume`)).toMatchObject({
      status: 200,
      body: { state: 'running' },
    });
    expect(api.workflows.looks).toContain(id);
    expect((await go(id)).length).toBe(2);
  });

  it('is cancelled when its moves have ended, and leaves the device cordoned', async () => {
    const [first, second] = await go(id);
    const cancelled = await api.call('POST', `/evacuations/${id}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelling' } });
    expect(cause(await api.call('POST', `/evacuations/${id}/resume`))).toEqual([409, 'evacuationState']);
    expect(await go(id)).toEqual([]);
    await end(first ?? '');
    await end(second ?? '', 'rolledBack');
    expect(await step(id)).toMatchObject({ action: 'end' });
    expect(await show(id)).toMatchObject({ state: 'cancelled', counts: { moved: 1, left: 2 } });
    expect((await getDevice(db(), 'd1')).state).toBe('cordoned');
    expect(cause(await api.call('POST', `/evacuations/${id}/pause`))).toEqual([409, 'evacuationState']);
  });

  it('stops its moves when it is cancelled so', async () => {
    await go(id);
    const asked: string[] = [];
    api.workflows.abortMigration = (workflowId?: string) => {
      asked.push(workflowId ?? '');
      return Promise.resolve({ accepted: true, reason: 'It stops.' });
    };
    await api.call('POST', `/evacuations/${id}/cancel`, { moves: 'abort' });
    expect(asked.length).toBe(2);
  });

  it('is one for a device, and its device is not uncordoned meanwhile', async () => {
    expect(cause(await evacuate('d1'))).toEqual([409, 'evacuationRunning']);
    expect(cause(await api.call('POST', '/devices/d1/uncordon'))).toEqual([409, 'evacuationRunning']);
  });

  it('is started by the upkeep when Temporal was away', async () => {
    await api.call('POST', `/evacuations/${id}/cancel`);
    await step(id);
    await api.call('POST', '/devices/d1/uncordon');
    api.workflows.away = true;
    const late = await evacuate('d1');
    expect(late).toMatchObject({ status: 202, body: { runId: '' } });
    api.workflows.away = false;
    await db()
      .update(evacuation)
      .set({ createdAt: new Date(Date.now() - 60_000) });
    await settle(api.context, log);
    expect(api.workflows.evacuations.map(({ evacuationId }) => evacuationId)).toContain(late.body.id);
    // One whose workflow was ended from outside has ended.
    api.workflows.running.clear();
    await settle(api.context, log);
    expect(await show(late.body.id)).toMatchObject({ state: 'failed' });
    expect((await getDevice(db(), 'd1')).state).toBe('cordoned');
  });

  it('leaves no room to others that it has planned for itself', async () => {
    // d2 has 600 MiB, of which 400 are planned away; d3 350, of which 200 are.
    const image = await makeImage(db());
    const create = (mib: number, device: string) =>
      api.call('POST', '/computes', {
        name: `more-${device}`,
        image: image.id,
        memoryBytes: mib * MIB,
        device,
      });
    expect(cause(await create(201, 'd2'))).toEqual([409, 'outOfMemory']);
    expect((await create(200, 'd2')).status).toBe(202);
    expect(cause(await create(151, 'd3'))).toEqual([409, 'outOfMemory']);
  });

  it('brings back what it has moved, when it is asked to, and only when the device is uncordoned', async () => {
    for (const move of await go(id)) await end(move);
    for (const move of await go(id)) await end(move);
    await step(id);
    expect(cause(await api.call('POST', `/evacuations/${id}/return`))).toEqual([409, 'deviceState']);
    await api.call('POST', '/devices/d1/uncordon');
    expect((await api.call('GET', '/evacuations?open=true')).body.items).toEqual([]);
    const back = await api.call('POST', `/evacuations/${id}/return`);
    expect(back).toMatchObject({ status: 202, body: { plan: { counts: { waiting: 3 } } } });
    for (let round = 0; round < 2; round++) for (const move of await go(back.body.id)) await end(move);
    expect(await step(back.body.id)).toMatchObject({ action: 'end' });
    expect(states(await show(back.body.id))).toEqual({
      big: ['moved', 'd1'],
      middle: ['moved', 'd1'],
      small: ['moved', 'd1'],
    });
    expect((await getDevice(db(), 'd1')).state).toBe('ready');
    expect(cause(await api.call('POST', `/evacuations/${id}/return`))).toEqual([409, 'nothingToReturn']);
  });
});

describe('what is asked with an evacuation', () => {
  it('return home: uncordoning brings back what left', async () => {
    await fleet();
    const { id } = (await evacuate('d1', { returnHome: true })).body;
    for (let round = 0; round < 2; round++) for (const move of await go(id)) await end(move);
    await step(id);
    await api.call('POST', '/devices/d1/uncordon');
    expect((await api.call('GET', '/evacuations?open=true')).body.items).toMatchObject([
      { kind: 'return', returns: id, counts: { waiting: 3 } },
    ]);
  });

  it('a deadline and the policy stop: what runs and could not be moved is stopped', async () => {
    const d1 = await makeDevice(db(), { name: 'd1', ...room(1000) });
    const alone = await makeCompute(db(), { name: 'alone', deviceId: d1.id });
    const { id } = (await evacuate('d1', { deadlineSeconds: 60, policy: 'stop' })).body;
    expect(await step(id)).toMatchObject({ action: 'go', moves: [], stops: [] });
    await db()
      .update(evacuation)
      .set({ deadlineAt: new Date(Date.now() - 1) });
    expect(await step(id)).toMatchObject({ action: 'go', stops: [alone.id] });
    await setComputeState(db(), alone.id, 'stopped');
    expect(await step(id)).toMatchObject({ action: 'end' });
    expect(await show(id)).toMatchObject({ state: 'succeeded', counts: { stopped: 1 } });
    expect((await getDevice(db(), 'd1')).state).toBe('drained');
  });

  it('caps of its own', async () => {
    await fleet();
    const { id } = (await evacuate('d1', { caps: { perSource: 1 } })).body;
    expect((await show(id)).caps).toEqual({ perSource: 1, perTarget: 2, perLink: 1, overall: 12 });
    expect((await go(id)).length).toBe(1);
  });
});

describe('two evacuations at once', () => {
  it('place what fits only one way round, and say of the rest what would help', async () => {
    const [p, q] = [
      await makeDevice(db(), { name: 'p', ...room(0) }),
      await makeDevice(db(), { name: 'q', ...room(0) }),
    ];
    await makeDevice(db(), { name: 'x', ...room(100) });
    await makeDevice(db(), { name: 'y', ...room(50) });
    await makeCompute(db(), { name: 'small', deviceId: q.id, ...limit(40) });
    await makeCompute(db(), { name: 'big', deviceId: p.id, ...limit(90) });
    await makeCompute(db(), { name: 'other', deviceId: p.id, ...limit(45) });
    const second = (await evacuate('q')).body.id;
    expect(states(await show(second))).toEqual({ small: ['waiting', 'x'] });
    const first = (await evacuate('p')).body.id;
    expect(states(await show(first))).toMatchObject({ big: ['waiting', 'x'] });
    const moves = [...(await go(first)), ...(await go(second))];
    const placed = [...(await show(first)).items, ...(await show(second)).items];
    const on = (device: string) =>
      placed.filter(({ target }) => target?.name === device).map(({ computes: [one] }) => one?.name);
    expect(on('x')).toEqual(['big']);
    expect(on('y').length).toBe(1);
    for (const move of moves) await end(move);
    const ended = [await step(second), await step(first)];
    expect(ended).toMatchObject([{ action: 'end' }, { action: 'end' }]);
    const left = [...(await show(first)).items, ...(await show(second)).items].filter(
      ({ state }) => state === 'left',
    );
    expect(left).toMatchObject([{ target: null }]);
    expect(left[0]?.causes[0]).toMatchObject({
      message: '3 of 3 devices cannot: 2 lack memory, 1 is drained.',
      mend: expect.stringMatching(/^Free \d+ MiB of memory on [xy], or join/) as string,
    });
  });
});

describe('a rebalance', () => {
  it('moves nothing when there is nothing to gain', async () => {
    await makeDevice(db(), room(1000));
    await makeDevice(db(), room(1000));
    expect(cause(await api.call('POST', '/rebalances'))).toEqual([409, 'nothingToGain']);
    expect((await api.call('POST', '/rebalances', { dryRun: true })).body).toMatchObject({
      items: [],
      reason: expect.stringMatching(/^Nothing to gain: devices are \d+ % to \d+ % full\.$/) as string,
    });
  });
});

describe('constraints', () => {
  it('are kept when a compute is made and when it is moved', async () => {
    const [cellar, roof] = [
      await makeDevice(db(), { name: 'cellar' }),
      await makeDevice(db(), { name: 'roof' }),
    ];
    await api.call('PATCH', '/devices/roof', { location: 'roof', labels: { disk: 'ssd' } });
    const image = await makeImage(db());
    const create = (name: string, body: object) =>
      api.call('POST', '/computes', { name, image: image.id, ...body });
    const made = await create('web', { constraints: { location: 'roof', disk: 'ssd' } });
    expect((await api.call('GET', `/computes/${made.body.id}`)).body).toMatchObject({
      device: { id: roof.id },
      constraints: { location: 'roof', disk: 'ssd' },
    });
    expect(cause(await create('down', { constraints: { disk: 'ssd' }, device: 'cellar' }))).toEqual([
      409,
      'constraintNotMet',
    ]);
    expect(cause(await create('none', { constraints: { disk: 'tape' } }))).toEqual([409, 'noDevice']);
    await setComputeState(db(), made.body.id, 'running');
    expect(cause(await api.call('POST', '/computes/web/migrations', { target: cellar.name }))).toEqual([
      409,
      'constraintNotMet',
    ]);
  });

  it('keep apart what is to be kept apart', async () => {
    await makeDevice(db());
    await makeDevice(db());
    const image = await makeImage(db());
    const create = (name: string) => api.call('POST', '/computes', { name, image: image.id, apart: 'db' });
    const made = [await create('one'), await create('two')];
    const devices = await Promise.all(
      made.map(
        async ({ body }) =>
          ((await api.call('GET', `/computes/${body.id}`)).body as unknown as { device: { id: string } })
            .device.id,
      ),
    );
    expect(new Set(devices).size).toBe(2);
    const third = await create('three');
    expect(cause(third)).toEqual([409, 'noDevice']);
    expect(third.body.causes?.[0]?.message).toContain('2 have one that it is kept apart from');
  });
});
