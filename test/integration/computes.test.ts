import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { settle } from '../../api/settle.ts';
import { beginUpdate, endUpdate, undoUpdate } from '../../db/computeUpdates.ts';
import { eventsOf } from '../../db/events.ts';
import { getCompute, removeCompute, setComputeState } from '../../db/computes.ts';
import { setDeviceState } from '../../db/devices.ts';
import { heartbeat, markUnreachable } from '../../db/signsOfLife.ts';
import { finishMigration, getMigration } from '../../db/migrationRecords.ts';
import { openTransfer } from '../../db/transfers.ts';
import {
  compute as computeTable,
  device as deviceTable,
  migration as migrationTable,
  tenant as tenantTable,
} from '../../db/schema/index.ts';
import { createLogger } from '../../api/logger.ts';
import { anyString } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeDevice, makeImage, makeInventory, transferId } from './support/fixtures.ts';

const api = useApi();
const silent = createLogger('silent');
const MIB = 2 ** 20;

/** Makes a device silent for longer than it may be. */
async function silence(deviceId: string): Promise<void> {
  const { db } = api.context;
  await db.update(deviceTable).set({ lastHeartbeatAt: new Date(Date.now() - 60_000) });
  for (const row of await db.select().from(deviceTable))
    if (row.id !== deviceId) await heartbeat(db, row.id, row.inventory);
  expect(await markUnreachable(db)).toEqual([deviceId]);
}

/** A running compute and a second device. */
async function twoDevices() {
  const { db } = api.context;
  const compute = await makeCompute(db, { name: 'web' });
  const target = await makeDevice(db, { name: 'target' });
  const source = compute.placement!;
  return { db, compute, target, source };
}

const codes = (body: { causes: { code: string }[] }) => body.causes.map(({ code }) => code);

describe('creating a compute', () => {
  it('chooses the device with the most memory, gives out addresses and starts the workflow', async () => {
    const { db } = api.context;
    await makeDevice(db, { inventory: { memoryAvailableBytes: 1024 * MIB } });
    const large = await makeDevice(db, { inventory: { memoryAvailableBytes: 3000 * MIB } });
    await makeImage(db, 'sample');
    const made = await api.call('POST', '/computes', {
      name: 'web',
      image: 'sample',
      memoryBytes: 256 * MIB,
      env: { A: 'b' },
    });
    expect(made.status).toBe(202);
    const shown = (await api.call('GET', `/computes/${made.body.id}`)).body;
    expect(shown).toMatchObject({
      name: 'web',
      state: 'creating',
      device: { id: large.id, name: large.name },
      ip: '10.77.1.0',
      mac: '02:42:0a:4d:01:00',
      epoch: 1,
      image: { name: 'sample' },
      movable: { ok: false },
    });
    expect(api.workflows.lifecycles).toMatchObject([
      {
        operation: 'create',
        device: large.id,
        epoch: 1,
        spec: { name: 'web', address: { ip: '10.77.1.0', prefix: 16 }, env: { A: 'b' } },
      },
    ]);
    expect((await api.call('GET', '/computes/web')).body.id).toBe(made.body.id);
  });

  it('gives every compute another address, also at the same moment, and gives addresses back', async () => {
    const { db } = api.context;
    await makeDevice(db);
    await makeImage(db, 'sample');
    const names = Array.from({ length: 10 }, (_, index) => `c${String(index)}`);
    const made = await Promise.all(
      names.map((name) => api.call('POST', '/computes', { name, image: 'sample' })),
    );
    expect(made.map(({ status }) => status)).toEqual(names.map(() => 202));
    const { items } = (await api.call('GET', '/computes')).body as { items: { id: string; ip: string }[] };
    expect(new Set(items.map(({ ip }) => ip)).size).toBe(10);
    const refused = await api.call('POST', '/computes', { name: 'more', image: 'sample' });
    expect([refused.status, codes(refused.body)]).toEqual([409, ['noAddress']]);
    await removeCompute(db, items[3]!.id);
    const next = await api.call('POST', '/computes', { name: 'more', image: 'sample' });
    expect((await api.call('GET', `/computes/${next.body.id}`)).body.ip).toBe(items[3]!.ip);
  });

  it('refuses each wrong request with its cause', async () => {
    const { db } = api.context;
    await makeImage(db, 'sample');
    const cases: [object, number, string][] = [
      [{ name: 'web', image: 'nosuch' }, 404, 'unknownImage'],
      [{ name: 'web', image: 'sample', device: 'nosuch' }, 404, 'unknownDevice'],
      [{ name: 'web', image: 'sample' }, 409, 'noDevice'],
      [{ name: 'Web!', image: 'sample' }, 400, 'invalid'],
      [{ image: 'sample' }, 400, 'invalid'],
      [{ name: 'web', image: 'sample', memoryBytes: -1 }, 400, 'invalid'],
      [{ name: 'web', image: 'sample', env: { 'A=B': 'x' } }, 400, 'invalid'],
      [{ name: 'web', image: 'sample', privileged: true }, 400, 'invalid'],
      [{ name: 'web', image: 'sample', capabilities: ['SYS_ADMIN'] }, 400, 'invalid'],
      [{ name: 'web', image: 'sample', healthCheck: { command: [] } }, 400, 'invalid'],
      [{ name: 'web', image: 'sample', volumes: [{ name: 'data', path: 'relative' }] }, 400, 'invalid'],
    ];
    for (const [body, status, code] of cases) {
      const answer = await api.call('POST', '/computes', body);
      expect([answer.status, answer.body.causes?.[0]?.code], JSON.stringify(body)).toEqual([status, code]);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.body).toMatchObject({
        status,
        title: anyString,
        type: `urn:drayage:problem:${code}`,
      });
    }
    await makeDevice(db, {
      name: 'small',
      inventory: { memoryAvailableBytes: 100 * MIB, diskAvailableBytes: 10 },
    });
    const small = await api.call('POST', '/computes', {
      name: 'web',
      image: 'sample',
      device: 'small',
      memoryBytes: 256 * MIB,
    });
    expect([small.status, codes(small.body)]).toEqual([409, ['outOfMemory', 'outOfDisk']]);
    expect(api.workflows.lifecycles).toEqual([]);
  });

  it('publishes ports, each once, and frees them with the compute', async () => {
    const { db } = api.context;
    await makeDevice(db);
    await makeImage(db, 'sample');
    const create = (name: string, ...ports: object[]) =>
      api.call('POST', '/computes', { name, image: 'sample', ports });
    const web = await create(
      'web',
      { host: 8080, compute: 80 },
      { protocol: 'udp', host: 8080, compute: 53 },
    );
    const ports = [
      { protocol: 'tcp', host: 8080, compute: 80 },
      { protocol: 'udp', host: 8080, compute: 53 },
    ];
    expect((await api.call('GET', '/computes/web')).body.ports).toEqual(ports);
    const cases: [object, number, string][] = [
      [{ host: 8080, compute: 81 }, 409, 'portTaken'],
      [{ host: 7444, compute: 80 }, 409, 'portReserved'],
      [{ host: 7445, compute: 80 }, 409, 'portReserved'],
      [{ host: 7443, compute: 80 }, 409, 'portReserved'],
      [{ host: 22, compute: 22 }, 400, 'invalid'],
    ];
    for (const [port, status, cause] of cases) {
      const { status: got, body } = await create('more', { host: 9000, compute: 1 }, port);
      expect([got, ...codes(body)], JSON.stringify(port)).toEqual([status, cause]);
    }
    await removeCompute(db, web.body.id);
    expect((await create('more', ...ports)).status, 'nothing of what was refused stayed').toBe(202);
  });

  it('refuses a second one of the name, and JSON that is none', async () => {
    const { db } = api.context;
    await makeDevice(db);
    await makeImage(db, 'sample');
    await api.call('POST', '/computes', { name: 'web', image: 'sample' });
    const again = await api.call('POST', '/computes', { name: 'web', image: 'sample' });
    expect([again.status, codes(again.body)]).toEqual([409, ['nameTaken']]);
    const token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
    const answer = await api.app.inject({
      method: 'POST',
      url: '/api/v1/computes',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      payload: '{"name":',
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  it('is done once for one Idempotency-Key, and refuses the key for another request', async () => {
    const { db } = api.context;
    await makeDevice(db);
    await makeImage(db, 'sample');
    const headers = { 'idempotency-key': 'k1' };
    const first = await api.call('POST', '/computes', { name: 'web', image: 'sample' }, headers);
    const second = await api.call('POST', '/computes', { name: 'web', image: 'sample' }, headers);
    expect(second).toMatchObject({
      status: 202,
      body: first.body,
      headers: { 'idempotency-replayed': 'true' },
    });
    expect(api.workflows.lifecycles).toHaveLength(1);
    const other = await api.call('POST', '/computes', { name: 'web2', image: 'sample' }, headers);
    expect([other.status, codes(other.body)]).toEqual([422, ['idempotencyKeyReused']]);
    const together = { 'idempotency-key': 'k2' };
    const both = await Promise.all(
      [1, 2, 3].map(() => api.call('POST', '/computes', { name: 'two', image: 'sample' }, together)),
    );
    expect(api.workflows.lifecycles).toHaveLength(2);
    for (const { status, body } of both) expect([202, 409], JSON.stringify(body)).toContain(status);
  });

  it('is made up for when Temporal was away', async () => {
    const { db } = api.context;
    await makeDevice(db);
    await makeImage(db, 'sample');
    api.workflows.away = true;
    const made = await api.call('POST', '/computes', { name: 'web', image: 'sample' });
    expect(made).toMatchObject({ status: 202, body: { runId: '' } });
    api.workflows.away = false;
    await db.update(computeTable).set({ createdAt: new Date(Date.now() - 60_000) });
    await settle(api.context, silent);
    expect(api.workflows.lifecycles).toMatchObject([{ operation: 'create', spec: { name: 'web' } }]);
    await settle(api.context, silent);
    expect(api.workflows.lifecycles).toHaveLength(1);
  });
});

describe('changing a compute', () => {
  it.each([
    ['start', 'running', 409, 'notStopped'],
    ['start', 'stopped', 202, undefined],
    ['start', 'failed', 202, undefined],
    ['stop', 'running', 202, undefined],
    ['stop', 'stopped', 409, 'notRunning'],
    ['stop', 'creating', 409, 'notRunning'],
  ] as const)('%s when it is %s: %i', async (operation, state, status, code) => {
    const { db } = api.context;
    const compute = await makeCompute(db, { name: 'web' });
    await setComputeState(db, compute.id, state);
    const answer = await api.call('POST', `/computes/web/${operation}`);
    expect([answer.status, answer.body.causes?.[0]?.code]).toEqual([status, code]);
  });

  it('says what else is being done, and refuses on a device that does not answer', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db, { name: 'web' });
    api.workflows.running.add(compute.id);
    const busy = await api.call('DELETE', '/computes/web');
    expect(busy).toMatchObject({
      status: 409,
      body: { running: { id: compute.id, workflowId: compute.id } },
    });
    api.workflows.running.clear();
    await silence(compute.placement!.deviceId);
    const away = await api.call('POST', '/computes/web/stop');
    expect([away.status, codes(away.body)]).toEqual([409, ['deviceUnreachable']]);
  });

  it('records what it is to be, claims the quota and starts the workflow', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db, {
      name: 'web',
      spec: { memoryBytes: 64 * MIB, labels: { a: '1' } },
    });
    const change = { memoryBytes: 96 * MIB, cpus: 0.5, labels: { a: null, b: '2' } };
    const answer = await api.call('PATCH', '/computes/web', change);
    expect(answer).toMatchObject({ status: 202, body: { id: compute.id, workflowId: compute.id } });
    const wanted = { memoryBytes: 96 * MIB, cpus: 0.5, labels: { b: '2' } };
    expect(api.workflows.lifecycles).toMatchObject([
      { operation: 'update', spec: wanted, update: { before: { memoryBytes: 64 * MIB } } },
    ]);
    const applying = { ...wanted, state: 'running', lastUpdate: { state: 'applying' } };
    const shown = await api.call('GET', '/computes/web');
    expect(shown.body).toMatchObject(applying);
    expect(JSON.stringify(shown.body)).not.toContain('given');

    const cause = { code: 'memoryInUse', message: 'Too much.', mend: 'Less.' };
    await undoUpdate(db, compute.id, compute.spec, cause);
    expect((await api.call('GET', '/computes/web')).body).toMatchObject({
      memoryBytes: 64 * MIB,
      labels: { a: '1' },
      lastUpdate: { state: 'refused', causes: [cause] },
    });
    await endUpdate(db, compute.id, 'Changed: labels.');
    expect((await eventsOf(db, compute.id)).at(-1)).toMatchObject({ type: 'compute.updated' });
  });

  it.each<[string, object, number, string]>([
    ['what cannot be changed', { env: { A: 'b' } }, 400, 'invalid'],
    ['what there is not', { privileged: true }, 400, 'invalid'],
    ['nothing', {}, 400, 'invalid'],
    ['more than the quota', { memoryBytes: 200 * MIB }, 409, 'quotaExceeded'],
  ])('refuses to change %s', async (_what, body, status, code) => {
    const { db } = api.context;
    const { tenantId } = await makeCompute(db, { name: 'web', spec: { memoryBytes: 64 * MIB } });
    await db
      .update(tenantTable)
      .set({ memoryBytes: 128 * MIB })
      .where(eq(tenantTable.id, tenantId));
    const answer = await api.call('PATCH', '/computes/web', body);
    expect([answer.status, answer.body.causes?.[0]?.code]).toEqual([status, code]);
    expect((await api.call('GET', '/computes/web')).body).toMatchObject({ lastUpdate: null });
  });

  it('is not changed while it is moved, or does not exist any more, and stays what it was', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db, { name: 'web' });
    api.workflows.running.add(compute.id);
    const busy = await api.call('PATCH', '/computes/web', { cpus: 2 });
    expect([busy.status, codes(busy.body)]).toEqual([409, ['workflowRunning']]);
    expect((await getCompute(db, compute.id)).spec).toEqual(compute.spec);
    await setComputeState(db, compute.id, 'migrating');
    expect((await api.call('PATCH', '/computes/web', { cpus: 2 })).status).toBe(409);
    await setComputeState(db, compute.id, 'failed');
    expect(await api.call('PATCH', '/computes/web', { cpus: 2 })).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'notRunning' }] },
    });
  });

  it('is changed later when the control plane ended in between', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db, { name: 'web' });
    const spec = { ...compute.spec, cpus: 2 };
    const given = { before: compute.spec, reason: 'Changed: CPUs.', actor: 'usr_1' };
    await beginUpdate(db, compute.id, { given, spec, demand: {} });
    await settle(api.context, silent);
    expect(api.workflows.lifecycles).toEqual([]);
    await db.update(computeTable).set({
      lastUpdate: { state: 'applying', causes: [], at: new Date(Date.now() - 60_000).toISOString(), given },
    });
    await settle(api.context, silent);
    expect(api.workflows.lifecycles).toMatchObject([
      { operation: 'update', spec: { cpus: 2 }, update: given },
    ]);
    await settle(api.context, silent);
    expect(api.workflows.lifecycles).toHaveLength(1);
  });

  it('frees name, address and image once it is deleted', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db, { name: 'web' });
    expect((await api.call('DELETE', `/images/${compute.imageId!}`)).status).toBe(409);
    expect((await api.call('DELETE', '/computes/web')).status).toBe(202);
    await removeCompute(db, compute.id);
    expect((await api.call('GET', '/computes/web')).status).toBe(404);
    expect((await api.call('DELETE', `/images/${compute.imageId!}`)).status).toBe(204);
    await makeCompute(db, { name: 'web' });
  });
});

describe('moving a compute', () => {
  it('records the move and starts its workflow', async () => {
    const { compute, target, source } = await twoDevices();
    const answer = await api.call('POST', '/computes/web/migrations', {
      target: 'target',
      maxDowntimeMs: 300,
    });
    expect(answer).toMatchObject({
      status: 202,
      body: { workflowId: compute.id, runId: `run-${compute.id}`, target: { id: target.id } },
    });
    expect(api.workflows.migrations).toMatchObject([
      {
        migrationId: answer.body.id,
        group: compute.groupId,
        source: source.deviceId,
        target: target.id,
        epoch: 1,
        maxDowntimeMs: 300,
        computes: [{ id: compute.id }],
      },
    ]);
    expect((await api.call('GET', `/migrations/${answer.body.id}`)).body).toMatchObject({
      compute: { id: compute.id, name: 'web' },
      state: 'pending',
      epoch: 2,
      runId: `run-${compute.id}`,
      rounds: [],
      phases: [],
    });
    const timeline = await api.call('GET', `/migrations/${answer.body.id}/timeline`);
    expect(timeline.body.events).toMatchObject([{ type: 'migration.pending' }]);
  });

  it("chooses a device when none is named, never the compute's own", async () => {
    const { target } = await twoDevices();
    expect((await api.call('POST', '/computes/web/migrations')).body).toMatchObject({
      target: { id: target.id },
    });
  });

  it('refuses each wrong request with its cause and starts nothing', async () => {
    const { db, compute, source, target } = await twoDevices();
    const deviceName = compute.placement!.deviceName;
    const attempt = async (path: string, body: object) => {
      const { status, body: problem } = await api.call('POST', path, body);
      return [status, ...(problem.causes ? codes(problem) : [])];
    };
    const to = (name: string) => attempt('/computes/web/migrations', { target: name });
    expect(await attempt('/computes/nosuch/migrations', { target: 'target' })).toEqual([
      404,
      'unknownCompute',
    ]);
    expect(await to('nosuch')).toEqual([404, 'unknownDevice']);
    expect(await to(deviceName)).toEqual([409, 'sameDevice']);
    expect(await attempt('/computes/web/migrations', { target: 'target', maxDowntimeMs: 0 })).toEqual([
      400,
      'invalid',
    ]);
    await heartbeat(db, target.id, makeInventory({ memoryAvailableBytes: 10 * MIB }));
    expect(await to('target')).toEqual([409, 'outOfMemory']);
    await heartbeat(db, target.id, makeInventory({ diskAvailableBytes: 0 }));
    expect(await to('target')).toEqual([409, 'outOfDisk']);
    await heartbeat(db, target.id, makeInventory());
    await setDeviceState(db, target.id, ['ready'], 'cordoned');
    expect(await to('target')).toEqual([409, 'deviceNotReady']);
    await setDeviceState(db, target.id, ['cordoned'], 'ready');
    await silence(target.id);
    expect(await to('target')).toEqual([409, 'deviceUnreachable']);
    expect(await attempt('/computes/web/migrations', {})).toEqual([409, 'noDevice', 'deviceUnreachable']);
    await heartbeat(db, target.id, makeInventory());
    await silence(source.deviceId);
    expect(await to('target')).toEqual([409, 'deviceUnreachable']);
    await heartbeat(db, source.deviceId, makeInventory());
    await setComputeState(db, compute.id, 'stopped');
    expect(await to('target')).toEqual([409, 'notRunning']);
    expect(api.workflows.migrations).toEqual([]);
    expect((await api.call('GET', '/migrations')).body.items).toEqual([]);
  });

  it('is refused while it is being moved, with the id of that move', async () => {
    const { compute } = await twoDevices();
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => api.call('POST', '/computes/web/migrations', { target: 'target' })),
    );
    const started = answers.filter(({ status }) => status === 202);
    expect(started).toHaveLength(1);
    for (const { status, body } of answers.filter((answer) => answer !== started[0])) {
      expect(status).toBe(409);
      expect(body).toMatchObject({
        causes: [{ code: 'migrationRunning' }],
        running: { id: started[0]!.body.id, workflowId: compute.id },
      });
    }
    const stop = await api.call('POST', '/computes/web/stop');
    expect(stop).toMatchObject({ status: 409, body: { running: { id: started[0]!.body.id } } });
  });

  it('ends as refused when something else is being done to the compute', async () => {
    const { compute } = await twoDevices();
    api.workflows.running.add(compute.id);
    expect(await api.call('POST', '/computes/web/migrations', { target: 'target' })).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'workflowRunning' }], running: { id: compute.id } },
    });
    expect((await api.call('GET', '/migrations')).body.items).toMatchObject([{ state: 'refused' }]);
    api.workflows.running.clear();
    expect((await api.call('POST', '/computes/web/migrations', { target: 'target' })).status).toBe(202);
  });

  it('needs the last transfer to be closed', async () => {
    const { db, compute, target, source } = await twoDevices();
    const first = (await api.call('POST', '/computes/web/migrations', { target: 'target' })).body as {
      id: string;
    };
    await openTransfer(db, {
      id: transferId(),
      migrationId: first.id,
      group: compute.groupId,
      source: source.deviceId,
      target: target.id,
      epoch: 2,
    });
    await finishMigration(db, first.id, { state: 'failed', reason: 'lost' });
    api.workflows.running.clear();
    const refused = await api.call('POST', '/computes/web/migrations', { target: 'target' });
    expect([refused.status, codes(refused.body)]).toEqual([409, ['transferOpen']]);
  });

  it('can be aborted until it is too late, and not after its end', async () => {
    const { db } = await twoDevices();
    const { id: moveId } = (await api.call('POST', '/computes/web/migrations', { target: 'target' }))
      .body as { id: string };
    expect(await api.call('POST', `/migrations/${moveId}/abort`)).toMatchObject({
      status: 202,
      body: { accepted: true },
    });
    api.workflows.abortAnswer = { accepted: false, reason: 'it is past the commit point.' };
    const late = await api.call('POST', `/migrations/${moveId}/abort`);
    expect([late.status, codes(late.body)]).toEqual([409, ['abortRefused']]);
    await finishMigration(db, moveId, { state: 'succeeded', reason: 'It runs on target.', frozenMs: 41.5 });
    const over = await api.call('POST', `/migrations/${moveId}/abort`);
    expect([over.status, codes(over.body)]).toEqual([409, ['migrationEnded']]);
    expect((await api.call('POST', `/migrations/${id('migration')}/abort`)).status).toBe(404);
    expect(await finishMigration(db, moveId, { state: 'failed', reason: 'late', frozenMs: 1 })).toBe(false);
    expect(await getMigration(db, moveId)).toMatchObject({ state: 'succeeded', frozenMs: 41.5 });
  });

  it('is made up for when Temporal was away, and ended when its workflow is gone', async () => {
    const { db, compute } = await twoDevices();
    api.workflows.away = true;
    const { id: moveId } = (await api.call('POST', '/computes/web/migrations', { target: 'target' }))
      .body as { id: string };
    api.workflows.away = false;
    await db.update(migrationTable).set({ createdAt: new Date(Date.now() - 60_000) });
    await settle(api.context, silent);
    expect(api.workflows.migrations).toMatchObject([{ migrationId: moveId, epoch: 1 }]);
    await setComputeState(db, compute.id, 'migrating');
    await settle(api.context, silent);
    expect((await getMigration(db, moveId)).state).toBe('pending');
    api.workflows.running.clear();
    await settle(api.context, silent);
    expect(await getMigration(db, moveId)).toMatchObject({
      state: 'failed',
      causes: [{ code: 'workflowGone' }],
    });
    expect((await getCompute(db, compute.id)).state).toBe('running');
  });
});

describe('lists and health', () => {
  it('finds computes by their labels, all of them', async () => {
    const { db } = api.context;
    const labelled = (name: string, labels: Record<string, string>) =>
      makeCompute(db, { name, spec: { labels } });
    await labelled('a', { tier: 'web', env: 'prod' });
    await labelled('b', { tier: 'web' });
    await labelled('c', { tier: 'web=2' });
    const found = async (query: string) =>
      (await api.call('GET', `/computes${query}`)).body.items.map(({ name }) => name);
    expect(await found('')).toEqual(['a', 'b', 'c']);
    expect(await found('?label=tier=web')).toEqual(['a', 'b']);
    expect(await found('?label=tier=web&label=env=prod')).toEqual(['a']);
    expect(await found('?label=tier=web=2')).toEqual(['c']);
    expect(await found('?label=nothing=here')).toEqual([]);
    expect((await api.call('GET', '/computes?label=tier')).status).toBe(400);
  });

  it('keeps limits, labels and capabilities as they were asked for, and refuses what is none', async () => {
    const { db } = api.context;
    await makeDevice(db);
    const image = await makeImage(db);
    const create = (name: string, more: object) =>
      api.call('POST', '/computes', { name, image: image.id, ...more });
    const asked = { pids: 20, capabilities: ['NET_RAW'], labels: { tier: 'web' } };
    expect((await create('asked', asked)).status).toBe(202);
    expect((await api.call('GET', '/computes/asked')).body).toMatchObject(asked);
    expect((await create('plain', {})).status).toBe(202);
    expect((await api.call('GET', '/computes/plain')).body).toMatchObject({
      pids: 4096,
      capabilities: [],
      labels: {},
    });
    const tooMany = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`l${String(index)}`, '']));
    for (const wrong of [
      { pids: 0 },
      { capabilities: ['SYS_ADMIN'] },
      { labels: { 'Not-A-Label': '' } },
      { labels: { bell: '\u0007' } },
      { labels: tooMany },
    ])
      expect((await create('wrong', wrong)).status, JSON.stringify(wrong).slice(0, 60)).toBe(400);
  });

  it('pages through all computes once', async () => {
    const { db } = api.context;
    const made = [];
    for (let index = 0; index < 5; index += 1) made.push((await makeCompute(db)).id);
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const { body } = await api.call('GET', `/computes?limit=2${cursor}`);
      seen.push(...(body.items as { id: string }[]).map((item) => item.id));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(seen).toEqual(made);
    expect((await api.call('GET', '/computes?cursor=nonsense')).status).toBe(400);
  });

  it('tells that it lives, that it can work, and what it counts', async () => {
    await makeDevice(api.context.db);
    expect((await api.app.inject('/healthz')).json()).toEqual({ alive: true });
    expect((await api.app.inject('/readyz')).json()).toEqual({ ready: true, database: 'ok', temporal: 'ok' });
    api.workflows.away = true;
    const away = await api.app.inject('/readyz');
    expect([away.statusCode, away.json()]).toEqual([503, { ready: false, database: 'ok', temporal: 'away' }]);
    const token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
    const metrics = await api.app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } });
    expect(metrics.statusCode).toBe(200);
    expect(metrics.body).toContain('drayage_devices{state="ready"} 1');
    expect(metrics.body).toContain(
      'drayage_http_requests_total{method="GET",route="/healthz",status="200"} 1',
    );
  });
});
