import { describe, expect, it } from 'vitest';
import { createLogger } from '../../api/logger.ts';
import { settle } from '../../api/settle.ts';
import { getDevice } from '../../db/devices.ts';
import { getEvacuation } from '../../db/evacuations.ts';
import { beginScheduled } from '../../db/planning/beginScheduled.ts';
import { causeOf as cause } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeDevice } from './support/fixtures.ts';

const api = useApi();
const add = (body: object) => api.call('POST', '/schedules', { cron: '0 3 * * sun', ...body });
const service = {
  name: 'service',
  action: 'evacuate',
  device: 'd1',
  options: { deadlineSeconds: 600, returnHome: true },
};
const due = (schedule: string, evacuation = id('evacuation')) =>
  beginScheduled(api.context.db, schedule, evacuation, 'spread');

describe('a schedule', () => {
  it('is made, shown with its next time, kept by Temporal, and deleted', async () => {
    await makeDevice(api.context.db, { name: 'd1' });
    const made = await add(service);
    expect(made).toMatchObject({
      ...{ status: 201 },
      body: { name: 'service', device: { name: 'd1' }, timeZone: 'UTC', lastRun: null },
    });
    const { nextRunAt } = made.body as unknown as { nextRunAt: string };
    expect([new Date(nextRunAt).getUTCDay(), new Date(nextRunAt).getUTCHours()]).toEqual([0, 3]);
    expect(api.workflows.running).toContain(made.body.id);
    expect((await api.call('GET', '/schedules')).body.items).toMatchObject([{ id: made.body.id }]);
    expect(cause(await add(service))).toEqual([409, 'nameTaken']);
    expect((await api.call('DELETE', '/schedules/service')).status).toBe(204);
    expect(api.workflows.running).not.toContain(made.body.id);
    expect(cause(await api.call('GET', '/schedules/service'))).toEqual([404, 'unknownSchedule']);
    expect((await add(service)).status).toBe(201);
  });

  it.each([
    ['times that never come', { name: 'x', action: 'rebalance', cron: '0 0 30 2 *' }],
    ['no times', { name: 'x', action: 'rebalance', cron: 'at night' }],
    ['a time zone that is none', { name: 'x', action: 'rebalance', timeZone: 'Mars/Olympus' }],
    ['an evacuation of nothing', { name: 'x', action: 'evacuate' }],
    ['a rebalance of a device', { name: 'x', action: 'rebalance', device: 'd1' }],
  ])('is refused: %s', async (_what, body) => {
    expect((await add(body)).status).toBe(400);
  });

  it('of a device that there is not is refused', async () => {
    expect(cause(await add(service))).toEqual([404, 'unknownDevice']);
  });

  it('that was made and deleted while Temporal was away is told to it afterwards', async () => {
    await makeDevice(api.context.db, { name: 'd1' });
    api.workflows.away = true;
    const made = await add(service);
    expect(made.status).toBe(201);
    expect(api.workflows.running).not.toContain(made.body.id);
    api.workflows.away = false;
    await settle(api.context, createLogger('silent'));
    expect(api.workflows.running).toContain(made.body.id);
    api.workflows.away = true;
    await api.call('DELETE', '/schedules/service');
    api.workflows.away = false;
    await settle(api.context, createLogger('silent'));
    expect(api.workflows.running).not.toContain(made.body.id);
  });

  it('begins what is due, once, as it was asked for, and says so', async () => {
    const d1 = await makeDevice(api.context.db, { name: 'd1' });
    await makeDevice(api.context.db, { name: 'd2' });
    await makeCompute(api.context.db, { deviceId: d1.id });
    const { id: schedule } = (await add(service)).body;
    const evacuation = id('evacuation');
    for (let attempt = 0; attempt < 2; attempt++)
      expect(await due(schedule, evacuation)).toEqual({ action: 'begin' });
    expect(await getEvacuation(api.context.db, evacuation)).toMatchObject({
      ...{ state: 'running', returnHome: 'asked', deadlineAt: expect.any(Date) as Date },
    });
    expect((await getDevice(api.context.db, 'd1')).state).toBe('draining');
    const shown = async () => (await api.call('GET', '/schedules/service')).body;
    expect(await shown()).toMatchObject({ lastRun: { evacuation, cause: null } });
    // The next time comes while that is still under way.
    expect(await due(schedule)).toMatchObject({ action: 'refuse' });
    expect(await shown()).toMatchObject({
      lastRun: { evacuation: null, cause: { code: 'evacuationRunning' } },
    });
  });

  it('of a rebalance with nothing to gain, or one that is gone, begins nothing', async () => {
    await makeDevice(api.context.db);
    const { id: schedule } = (await add({ name: 'nightly', action: 'rebalance' })).body;
    expect(await due(schedule)).toMatchObject({ action: 'refuse' });
    expect((await api.call('GET', '/schedules/nightly')).body).toMatchObject({
      lastRun: { cause: { code: 'nothingToGain' } },
    });
    expect(await due(id('schedule'))).toMatchObject({ action: 'refuse' });
  });
});
