import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { ComputeView } from '../../core/api/computes.ts';
import { createLogger } from '../../api/logger.ts';
import { settle } from '../../api/settle.ts';
import { removeCompute, setComputeState } from '../../db/computes.ts';
import { finishMigration } from '../../db/migrationRecords.ts';
import { getPlacement } from '../../db/placements.ts';
import { compute, placement } from '../../db/schema/index.ts';
import { openTransfer } from '../../db/transfers.ts';
import { causeOf as cause } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { id, makeDevice, makeImage, transferId } from './support/fixtures.ts';

const api = useApi();

const createGroup = (name = 'shop') => api.call('POST', '/groups', { name });

async function create(name: string, group: string, device?: string) {
  const image = await makeImage(api.context.db);
  return api.call('POST', '/computes', { name, image: image.id, group, device });
}

/** Its making is over, and it runs. */
async function running(answer: { status: number; body: unknown }): Promise<string> {
  expect(answer.status).toBe(202);
  const { id: made, workflowId } = answer.body as { id: string; workflowId: string };
  await setComputeState(api.context.db, made, 'running');
  api.workflows.running.delete(workflowId);
  return made;
}

describe('a group', () => {
  it('is made, listed with its computes, found by name and id, and deleted', async () => {
    const made = await createGroup();
    expect(made).toMatchObject({ status: 201, body: { name: 'shop', device: null, epoch: 0, computes: [] } });
    const device = await makeDevice(api.context.db);
    const web = await running(await create('web', 'shop', device.name));
    const full = {
      id: made.body.id,
      computes: [{ id: web, name: 'web' }],
      device: { id: device.id },
      epoch: 1,
    };
    expect((await api.call('GET', '/groups')).body.items).toMatchObject([full]);
    expect((await api.call('GET', '/groups/shop')).body).toMatchObject(full);
    expect((await api.call('GET', `/groups/${made.body.id}`)).body).toMatchObject(full);
    expect(cause(await api.call('DELETE', '/groups/shop'))).toEqual([409, 'groupInUse']);
    await removeCompute(api.context.db, web);
    expect((await api.call('DELETE', '/groups/shop')).status).toBe(204);
    expect(cause(await api.call('GET', '/groups/shop'))).toEqual([404, 'unknownGroup']);
    expect((await createGroup()).status).toBe(201);
  });

  it('has a name of its own', async () => {
    await createGroup();
    expect(cause(await createGroup())).toEqual([409, 'nameTaken']);
    expect((await createGroup('grp_looks_like')).status).toBe(400);
  });

  it('of a lone compute is not shown', async () => {
    const image = await makeImage(api.context.db);
    await makeDevice(api.context.db);
    const lone = await api.call('POST', '/computes', { name: 'lone', image: image.id });
    const shown = await api.call('GET', `/computes/${lone.body.id}`);
    const body = shown.body as unknown as ComputeView;
    expect(body.groupName).toBeNull();
    expect((await api.call('GET', '/groups')).body.items).toEqual([]);
    expect(cause(await api.call('GET', `/groups/${body.group}`))).toEqual([404, 'unknownGroup']);
    expect(cause(await create('other', body.group))).toEqual([404, 'unknownGroup']);
  });

  it('keeps its computes on one device', async () => {
    await createGroup();
    const [first, second] = [await makeDevice(api.context.db), await makeDevice(api.context.db)];
    await running(await create('web', 'shop', first.id));
    expect(cause(await create('db', 'shop', second.id))).toEqual([409, 'groupElsewhere']);
    const db = await running(await create('db', 'shop'));
    expect((await api.call('GET', `/computes/${db}`)).body).toMatchObject({
      ...{ device: { id: first.id }, groupName: 'shop', epoch: 1 },
    });
  });

  it('never gets an epoch again that it had before it was empty', async () => {
    const { db } = api.context;
    const group = (await createGroup()).body.id;
    const device = await makeDevice(db);
    const web = await running(await create('web', 'shop', device.id));
    await db.update(placement).set({ epoch: 7 }).where(eq(placement.groupId, group));
    await removeCompute(db, web);
    await running(await create('web', 'shop', device.id));
    expect(await getPlacement(db, group)).toMatchObject({ epoch: 8, transferId: null });
  });

  it('moves as one, and only when all of it runs', async () => {
    await createGroup();
    const [source, target] = [await makeDevice(api.context.db), await makeDevice(api.context.db)];
    const web = await running(await create('web', 'shop', source.id));
    const db = await running(await create('db', 'shop'));
    await setComputeState(api.context.db, db, 'stopped');
    const path = '/computes/web/migrations';
    expect(cause(await api.call('POST', path, { target: target.id }))).toEqual([409, 'notRunning']);
    const causes = [{ code: 'notRunning', mend: 'Start it first with `drayage compute start db`.' }];
    expect((await api.call('GET', '/computes/web')).body).toMatchObject({ movable: { ok: false, causes } });
    await setComputeState(api.context.db, db, 'running');
    const moving = await api.call('POST', path, { target: target.id });
    expect(moving.status).toBe(202);
    expect(api.workflows.migrations).toMatchObject([{ computes: [{ id: web }, { id: db }] }]);
    expect(cause(await api.call('POST', '/computes/db/stop'))).toEqual([409, 'migrationRunning']);
    expect(cause(await api.call('POST', '/computes/db/migrations', {}))).toEqual([409, 'migrationRunning']);
    expect(cause(await create('cache', 'shop'))).toEqual([409, 'migrationRunning']);
    await finishMigration(api.context.db, moving.body.id, {
      ...{ state: 'aborted', reason: 'It was asked for.', causes: [] },
    });
    expect((await create('cache', 'shop')).status).toBe(202);
  });

  it('is left alone while its last move is not settled', async () => {
    const { db } = api.context;
    const group = (await createGroup()).body.id;
    const [source, target] = [await makeDevice(db), await makeDevice(db)];
    const web = await running(await create('web', 'shop', source.id));
    const moving = await api.call('POST', '/computes/web/migrations', { target: target.id });
    const migrationId = moving.body.id;
    await openTransfer(db, {
      ...{ id: transferId(), migrationId, group, source: source.id, target: target.id, epoch: 2 },
    });
    await finishMigration(db, migrationId, { state: 'failed', reason: 'The target is away.', causes: [] });
    expect(cause(await create('db', 'shop'))).toEqual([409, 'transferOpen']);
    expect((await api.call('GET', `/computes/${web}`)).body).toMatchObject({ movable: { ok: false } });
  });

  it('has one thing done to it at a time; a compute that is made meanwhile is made after that', async () => {
    await createGroup();
    await makeDevice(api.context.db);
    const web = await running(await create('web', 'shop'));
    const first = await create('db', 'shop');
    expect(cause(await api.call('POST', `/computes/${web}/stop`))).toEqual([409, 'workflowRunning']);
    expect(cause(await api.call('POST', `/computes/${web}/migrations`, {}))).toEqual([409, 'notRunning']);
    const second = await create('cache', 'shop');
    expect(second).toMatchObject({ status: 202, body: { runId: '' } });
    await running(first);
    await api.context.db.update(compute).set({ createdAt: new Date(Date.now() - 60_000) });
    await settle(api.context, createLogger('silent'));
    expect(api.workflows.lifecycles.map(({ spec }) => spec.name)).toEqual(['web', 'db', 'cache']);
  });

  it("of another tenant takes nobody's computes", async () => {
    expect(cause(await create('web', id('group')))).toEqual([404, 'unknownGroup']);
  });
});
