import { eq } from 'drizzle-orm';
import { beforeEach, describe, expect, it } from 'vitest';
import { joinResponseSchema } from '../../core/deviceApi.ts';
import { MAX_EPOCH } from '../../core/decideEpoch.ts';
import { removeCompute } from '../../db/computes.ts';
import { eventsOf } from '../../db/events.ts';
import { createMigration } from '../../db/migrationRecords.ts';
import { getPlacement } from '../../db/placements.ts';
import { placement } from '../../db/schema/index.ts';
import { openTransfer } from '../../db/transfers.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeInventory, transferId } from './support/fixtures.ts';
import { ask, makeRequest, type TlsIdentity } from './support/tls.ts';

/** A database that was restored from an older backup hears from the devices what it has forgotten. */
const api = useApi();
let url = '';
beforeEach(async () => {
  url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
});

interface Device {
  id: string;
  tls: TlsIdentity;
}

async function join(name: string): Promise<Device> {
  const ca = api.context.authority.certificate;
  const { token } = (await api.call('POST', '/devices/tokens', {})).body;
  const { key, csr } = await makeRequest();
  const body = { token, csr, name, inventory: makeInventory() };
  const joined = joinResponseSchema.parse((await ask(url, { ca }, 'POST', '/device/v1/join', body)).body);
  return { id: joined.deviceId, tls: { key, cert: joined.certificate, ca } };
}

/** What the device hears to be outdated of what it reports, by compute and epoch. */
async function report({ tls }: Device, epochs: Record<string, number>): Promise<string[]> {
  const computes = Object.entries(epochs).map(([compute, epoch]) => ({ id: compute, epoch, running: true }));
  const answer = await ask(url, tls, 'POST', '/device/v1/heartbeat', {
    inventory: makeInventory(),
    computes,
  });
  expect(answer.status).toBe(200);
  return (answer.body as unknown as { outdated: string[] }).outdated;
}

const handOver = ({ tls }: Device, group: string, epoch: number, target: string) =>
  ask(url, tls, 'POST', '/device/v1/hand-overs', { group, epoch, target });

const setEpoch = (group: string, epoch: number) =>
  api.context.db.update(placement).set({ epoch }).where(eq(placement.groupId, group));

const eventTypes = async (compute: string) =>
  (await eventsOf(api.context.db, compute))
    .map(({ type }) => type)
    .filter((type) => !/creating|running/.test(type));

describe('an epoch', () => {
  it('is raised to what the owner reports, once, with an event, and the API shows it', async () => {
    const owner = await join('owner');
    const { id: compute, groupId } = await makeCompute(api.context.db, { deviceId: owner.id });
    expect(await report(owner, { [compute]: 5 })).toEqual([]);
    expect(await report(owner, { [compute]: 5 })).toEqual([]);
    expect(await getPlacement(api.context.db, groupId)).toMatchObject({ deviceId: owner.id, epoch: 5 });
    const events = (await eventsOf(api.context.db, compute)).filter(
      ({ type }) => type === 'compute.epochRaised',
    );
    expect(events).toMatchObject([{ actor: owner.id, data: { from: 1, to: 5 } }]);
    expect(((await api.call('GET', `/computes/${compute}`)).body as unknown as { epoch: number }).epoch).toBe(
      5,
    );
  });

  it('is never lowered', async () => {
    const owner = await join('owner');
    const { id: compute, groupId } = await makeCompute(api.context.db, { deviceId: owner.id });
    await setEpoch(groupId, 7);
    for (const epoch of [0, 1, 6]) await report(owner, { [compute]: epoch });
    expect((await getPlacement(api.context.db, groupId)).epoch).toBe(7);
    expect(await eventTypes(compute)).toEqual([]);
  });

  it('gets one of two values that are reported at the same moment, and then the later', async () => {
    const owner = await join('owner');
    const { id: compute, groupId } = await makeCompute(api.context.db, { deviceId: owner.id });
    await Promise.all([3, 9, 4, 9].map((epoch) => report(owner, { [compute]: epoch })));
    await report(owner, { [compute]: 9 });
    await report(owner, { [compute]: 4 });
    expect((await getPlacement(api.context.db, groupId)).epoch).toBe(9);
  });

  it("is not another device's to raise, and that it tried is noted once", async () => {
    const owner = await join('owner');
    const thief = await join('thief');
    const { id: compute, groupId } = await makeCompute(api.context.db, { deviceId: owner.id });
    for (let time = 0; time < 3; time += 1) expect(await report(thief, { [compute]: 9 })).toEqual([]);
    expect(await getPlacement(api.context.db, groupId)).toMatchObject({ deviceId: owner.id, epoch: 1 });
    expect(await eventTypes(compute)).toEqual(['compute.claimed']);
  });

  it('is left to an open transfer', async () => {
    const { db } = api.context;
    const [owner, target] = [await join('owner'), await join('target')];
    const { id: compute, groupId } = await makeCompute(db, { deviceId: owner.id });
    const move = { group: groupId, source: owner.id, target: target.id, epoch: 2 };
    const migrationId = id('migration');
    await createMigration(db, { ...move, id: migrationId, compute, workflowId: compute });
    await openTransfer(db, { ...move, id: transferId(), migrationId });
    expect(await report(owner, { [compute]: 5 })).toEqual([]);
    expect(await report(target, { [compute]: 5 })).toEqual([]);
    expect((await handOver(owner, groupId, 5, target.id)).status).toBe(200);
    expect(await getPlacement(db, groupId)).toMatchObject({ deviceId: owner.id, epoch: 1 });
  });

  it('is refused where no installation gets to', async () => {
    const owner = await join('owner');
    const { id: compute, groupId } = await makeCompute(api.context.db, { deviceId: owner.id });
    const body = {
      inventory: makeInventory(),
      computes: [{ id: compute, epoch: MAX_EPOCH + 1, running: true }],
    };
    expect((await ask(url, owner.tls, 'POST', '/device/v1/heartbeat', body)).status).toBe(400);
    expect((await getPlacement(api.context.db, groupId)).epoch).toBe(1);
  });
});

describe('a device hears', () => {
  it('what it may clear away: what was deleted, and what is placed elsewhere under a later epoch; nothing else', async () => {
    const { db } = api.context;
    const [owner, other] = [await join('owner'), await join('other')];
    const deleted = await makeCompute(db, { deviceId: owner.id });
    const here = await makeCompute(db, { deviceId: owner.id });
    const elsewhere = await makeCompute(db, { deviceId: other.id });
    const claimed = await makeCompute(db, { deviceId: other.id });
    await removeCompute(db, deleted.id);
    const younger = id('compute');
    const epochs = { [deleted.id]: 8, [here.id]: 1, [elsewhere.id]: 1, [claimed.id]: 2, [younger]: 1 };
    expect((await report(owner, epochs)).sort()).toEqual([deleted.id, elsewhere.id].sort());
  });
});

describe('a group that its owner on record gave away before', () => {
  it('is placed where it was handed to, and so on along the way it took', async () => {
    const { db } = api.context;
    const [a, b, c] = [await join('a'), await join('b'), await join('c')];
    const { id: compute, groupId } = await makeCompute(db, { deviceId: a.id });
    // The compute went from a to b to c since the backup; whoever speaks first.
    expect((await handOver(b, groupId, 3, c.id)).status).toBe(200);
    expect(await getPlacement(db, groupId)).toMatchObject({ deviceId: a.id, epoch: 1 });
    for (let time = 0; time < 2; time += 1) {
      await handOver(a, groupId, 2, b.id);
      await handOver(b, groupId, 3, c.id);
    }
    expect(await getPlacement(db, groupId)).toMatchObject({ deviceId: c.id, epoch: 3 });
    expect(await eventTypes(compute)).toEqual(['compute.handedOver', 'compute.handedOver']);
    expect(await report(a, { [compute]: 1 })).toEqual([compute]);
  });

  it('goes to no device that is not known, and not under an epoch that is not later', async () => {
    const [a, b] = [await join('a'), await join('b')];
    const { groupId } = await makeCompute(api.context.db, { deviceId: a.id });
    await setEpoch(groupId, 4);
    expect((await handOver(a, groupId, 5, id('device'))).status).toBe(404);
    expect((await handOver(a, groupId, 4, b.id)).status).toBe(200);
    expect(await getPlacement(api.context.db, groupId)).toMatchObject({ deviceId: a.id, epoch: 4 });
  });
});
