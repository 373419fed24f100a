import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { keepAttempts } from '../../api/migrations/attempts.ts';
import { setComputeState } from '../../db/computes.ts';
import { addEvent } from '../../db/events.ts';
import { setImagesOfDevice } from '../../db/imageLocations.ts';
import { addMetrics } from '../../db/metrics.ts';
import { addRounds, createMigration, finishMigration, setMigrationRun } from '../../db/migrationRecords.ts';
import { migration } from '../../db/schema/index.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeDevice, makeTransfer } from './support/fixtures.ts';
import { addPerson } from './support/people.ts';

const api = useApi();
const MB = 2 ** 20;

type Items = Record<string, unknown>[];
const items = async (path: string): Promise<Items> => {
  const { status, body } = await api.call('GET', path);
  expect(status, JSON.stringify(body)).toBe(200);
  return (body as unknown as { items: Items }).items;
};
const ids = async (path: string) => (await items(path)).map((one) => one['id']);

const sample = {
  cpus: 0.5,
  memoryBytes: 300 * MB,
  diskBytes: 1,
  receivedBytesPerSecond: 0,
  sentBytesPerSecond: 0,
};

/** A move of a compute that went well. */
async function moved(computeId: string, group: string, source: string, target: string) {
  const { db } = api.context;
  const made = id('migration');
  await createMigration(db, {
    ...{ id: made, group, compute: computeId, source, target, epoch: 2, workflowId: computeId },
  });
  const round = {
    ...{
      round: 1,
      pages: 1,
      bytes: 1,
      wireBytes: 1,
      ms: 1,
      dirtyPagesPerSecond: 0,
      scanMs: 0,
      lookedPages: 1,
    },
    ...{ zeroPages: 0, knownPages: 0, linkBytesPerSecond: 100 * MB, closing: false, reason: '' },
    ...{ decision: 'switch' as const, expectedFreezeMs: null },
  };
  await addRounds(db, made, [round]);
  const figures = { frozenMs: 140, wireBytes: 100 * MB, totalMs: 3_000 };
  await finishMigration(db, made, { state: 'succeeded', reason: 'It runs on the target.', ...figures });
  return made;
}

describe('where a compute could move', () => {
  it('is said of every other device: whether, why not, and what it would cost', async () => {
    const { db } = api.context;
    const [source, near, full] = [
      await makeDevice(db),
      await makeDevice(db),
      await makeDevice(db, { inventory: { memoryAvailableBytes: 65 * MB } }),
    ];
    const compute = await makeCompute(db, { deviceId: source.id });
    await addMetrics(db, source.id, { device: sample, computes: [{ id: compute.id, sample }] });
    const path = `/computes/${compute.id}/targets`;
    expect(await items(path)).toMatchObject([
      {
        device: { id: near.id },
        ...{ ok: true, causes: [], predicted: { wireBytes: 300 * MB } },
        predictedFrom: 'From the memory that it uses and a link of 1 Gbit/s, since none was measured.',
      },
      { device: { id: full.id }, ok: false, causes: [{ code: 'outOfMemory' }], predicted: null },
    ]);
    await moved(compute.id, compute.groupId, source.id, near.id);
    expect(await items(path)).toMatchObject([
      {
        predicted: { freezeMs: 140, wireBytes: 100 * MB, totalMs: 3_000 },
        predictedFrom: 'From its last move and what the link between the two carried last.',
      },
      {},
    ]);
    await setComputeState(db, compute.id, 'stopped');
    expect(await items(path)).toMatchObject([
      { ok: false, causes: [{ code: 'notRunning' }], predicted: null },
      { ok: false, causes: [{ code: 'notRunning' }, { code: 'outOfMemory' }] },
    ]);
  });
});

describe('lists', () => {
  it('of computes are of one device where that is asked for, and of all tenants for the operator', async () => {
    const { db } = api.context;
    const [here, there] = [await makeDevice(db), await makeDevice(db)];
    const owner = await addPerson(api, 'owner');
    const mine = await makeCompute(db, { deviceId: here.id });
    const others = await makeCompute(db, { deviceId: there.id, tenantId: owner.tenantId });
    expect(await ids('/computes')).toEqual([mine.id]);
    expect(await ids('/computes?all=true')).toEqual([mine.id, others.id]);
    expect(await ids(`/computes?all=true&device=${there.name}`)).toEqual([others.id]);
    expect((await items('/computes?all=true')).map((one) => one['tenant'])).toMatchObject([
      {},
      { id: owner.tenantId },
    ]);
    const asked = await owner.call('GET', '/computes?all=true');
    expect((asked.body as unknown as { items: Items }).items).toMatchObject([{ id: others.id }]);
  });

  it('of moves are of a device, of states, and of all tenants for the operator', async () => {
    const { db } = api.context;
    const owner = await addPerson(api, 'owner');
    const [a, b, c] = [await makeDevice(db), await makeDevice(db), await makeDevice(db)];
    const compute = await makeCompute(db, { deviceId: a.id });
    const first = await moved(compute.id, compute.groupId, a.id, b.id);
    const second = await moved(compute.id, compute.groupId, b.id, c.id);
    const { migrationId: open } = await makeTransfer(db, owner.tenantId);
    expect(await ids('/migrations')).toEqual([second, first]);
    expect(await ids(`/migrations?device=${a.id}`)).toEqual([first]);
    expect(await ids(`/migrations?device=${b.id}`)).toEqual([second, first]);
    expect(await ids('/migrations?all=true&state=pending')).toEqual([open]);
    expect(await ids('/migrations?all=true&state=pending&state=succeeded')).toEqual([open, second, first]);
    expect((await api.call('GET', '/migrations?state=nonsense')).status).toBe(400);
    const [shown] = await items('/migrations');
    expect(shown).toMatchObject({ tenant: {}, endedAt: expect.any(String) as string, maxDowntimeMs: null });
  });

  it('of moves have statistics', async () => {
    const { db } = api.context;
    const owner = await addPerson(api, 'owner');
    expect((await api.call('GET', '/migrations/statistics')).body).toMatchObject({
      ...{ states: {}, frozenMs: { p50: null }, wireBytes: 0 },
    });
    const [a, b] = [await makeDevice(db), await makeDevice(db)];
    const compute = await makeCompute(db, { deviceId: a.id });
    await moved(compute.id, compute.groupId, a.id, b.id);
    await makeTransfer(db, owner.tenantId);
    const figures = {
      frozenMs: { p50: 140, p99: 140, max: 140 },
      totalMs: { p50: 3_000 },
      wireBytes: 100 * MB,
    };
    expect((await api.call('GET', '/migrations/statistics')).body).toMatchObject({
      ...{ seconds: 604_800, states: { succeeded: 1 }, ...figures },
    });
    const all = (await api.call('GET', '/migrations/statistics?all=true')).body;
    expect(all).toMatchObject({ states: { succeeded: 1, pending: 1 }, ...figures });
    expect((await owner.call('GET', '/migrations/statistics?all=true')).body).toMatchObject({
      states: { pending: 1 },
    });
  });

  it('of events are newest first, filtered as the stream is, and show nobody what is not theirs', async () => {
    const { db } = api.context;
    const owner = await addPerson(api, 'owner');
    const mine = await makeCompute(db);
    const others = await makeCompute(db, { tenantId: owner.tenantId });
    await addEvent(db, { type: 'account.signedIn', subject: owner.id, message: 'Somebody signed in.' });
    const types = async (path: string) => (await items(path)).map((one) => one['type']);
    expect(await types(`/events/history?subject=${mine.id}`)).toEqual([
      'compute.running',
      'compute.creating',
    ]);
    expect(await types(`/events/history?types=compute.creating&subject=${others.id}`)).toEqual([
      'compute.creating',
    ]);
    const seen = (await owner.call('GET', '/events/history')).body as unknown as { items: Items };
    const subjects = seen.items.map((one) => one['subject']);
    expect(subjects).toContain(others.id);
    expect(subjects).not.toContain(mine.id);
    expect(seen.items.map((one) => one['type'])).toContain('device.ready');
    expect(seen.items.map((one) => one['type'])).not.toContain('account.signedIn');
    const first = await api.call('GET', '/events/history?limit=1');
    const { nextCursor } = first.body as unknown as { nextCursor: string };
    expect(await types(`/events/history?limit=1&cursor=${nextCursor}`)).not.toEqual(['account.signedIn']);
    expect((await api.call('GET', '/events/history?types=*x')).status).toBe(400);
  });
});

describe('what is shown of one thing', () => {
  it('an image: where it is, and what is made from it', async () => {
    const { db } = api.context;
    const device = await makeDevice(db);
    const compute = await makeCompute(db, { deviceId: device.id });
    await setImagesOfDevice(db, device.id, [compute.spec.image.digest]);
    expect((await api.call('GET', `/images/${compute.imageId ?? ''}`)).body).toMatchObject({
      devices: [{ id: device.id, name: device.name }],
      computes: [{ id: compute.id, name: compute.name }],
    });
  });

  it('a device: what it uses, unless it has told nothing for a minute', async () => {
    const { db } = api.context;
    const [device, quiet] = [await makeDevice(db), await makeDevice(db)];
    await addMetrics(db, device.id, { device: sample, computes: [] });
    expect((await api.call('GET', `/devices/${device.id}`)).body).toMatchObject({ load: sample });
    expect((await api.call('GET', `/devices/${quiet.id}`)).body).toMatchObject({ load: null });
  });

  it('the installation: to who is not signed in, and no more than that', async () => {
    const { body, statusCode } = await api.app.inject('/api/v1/installation').then((answer) => ({
      statusCode: answer.statusCode,
      body: answer.json<Record<string, unknown>>(),
    }));
    expect([statusCode, Object.keys(body)]).toEqual([200, ['version', 'registration']]);
  });

  it('an account: where Temporal is, if it is an operator', async () => {
    api.context.config.temporalUi = 'https://temporal.example.org/namespaces/default/workflows';
    const owner = await addPerson(api, 'owner');
    expect((await api.call('GET', '/auth/me')).body).toMatchObject({
      temporalUi: 'https://temporal.example.org/namespaces/default/workflows',
    });
    expect((await owner.call('GET', '/auth/me')).body).toMatchObject({ temporalUi: null });
  });
});

describe('the attempts of a move', () => {
  it('come from Temporal until they are kept, which they are once it has ended', async () => {
    const { db } = api.context;
    const { migrationId, source } = await makeTransfer(db);
    await setMigrationRun(db, migrationId, 'run');
    const scheduled = {
      ...{ eventId: 5, eventType: 10, eventTime: { seconds: 1, nanos: 0 } },
      activityTaskScheduledEventAttributes: {
        ...{ activityId: '1', activityType: { name: 'syncFiles' }, taskQueue: { name: `device-${source}` } },
      },
    };
    const pending = [{ activityId: '1', attempt: 2, lastFailure: { message: 'the link was cut' } }];
    api.workflows.traced = { events: [scheduled], pending } as never;
    const tried = [
      {
        ...{
          step: 'syncFiles',
          activity: 'syncFiles',
          device: { id: source },
          attempts: 2,
          state: 'running',
        },
        cause: { message: 'the link was cut' },
      },
    ];
    expect(await items(`/migrations/${migrationId}/attempts`)).toMatchObject(tried);
    await keepAttempts(api.context);
    const stored = () =>
      db.select({ kept: migration.attempts }).from(migration).where(eq(migration.id, migrationId));
    expect(await stored()).toEqual([{ kept: null }]);
    await finishMigration(db, migrationId, { state: 'failed', reason: 'The link was cut.' });
    await keepAttempts(api.context);
    api.workflows.traced = null;
    expect(await items(`/migrations/${migrationId}/attempts`)).toMatchObject(tried);
  });
});
