import { beforeEach, describe, expect, it } from 'vitest';
import pino from 'pino';
import { LeaseWatch } from '../../api/failover/leaseWatch.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { LEASE_MARGIN_MS, LEASE_MS } from '../../core/lease.ts';
import { getCompute } from '../../db/computes.ts';
import { eventsOf } from '../../db/events.ts';
import { askLease, declareDead, watchedLeases } from '../../db/leases.ts';
import { createMigration } from '../../db/migrationRecords.ts';
import { openTransfer } from '../../db/transfers.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeDevice, makeInventory, transferId } from './support/fixtures.ts';
import { useDevices } from './support/joinedDevices.ts';

const api = useApi();
const join = useDevices(api);
const WHOLE = LEASE_MS + LEASE_MARGIN_MS;
const MAY_RESTART: Partial<ComputeSpec> = {
  restartPolicy: { name: 'always', maximumRetries: 0 },
  protection: { kind: 'restart' },
};
const logger = pino({ level: 'silent' });

let nowMs = 0;
let watch: LeaseWatch;
beforeEach(() => {
  nowMs = 1e6;
  watch = watcher();
});

const watcher = () => new LeaseWatch(api.context, logger, () => nowMs);

/** Looks, lets so much time pass without a grant, and looks again. */
async function silent(ms: number): Promise<void> {
  await watch.look();
  nowMs += ms;
  await watch.look();
}

const show = async (compute: string) => {
  const { state, placement, reason } = await getCompute(api.context.db, compute);
  return { state, device: placement?.deviceId, epoch: placement?.epoch, reason };
};
const eventTypes = async (subject: string) =>
  (await eventsOf(api.context.db, subject)).map(({ type }) => type);

/** A device that has its lease, and a compute on it. */
async function leased(spec: Partial<ComputeSpec> = MAY_RESTART) {
  const { db } = api.context;
  const device = await makeDevice(db);
  const { generation } = await askLease(db, device.id, null);
  expect(await askLease(db, device.id, generation)).toEqual({ generation, granted: true });
  return { device, generation, compute: await makeCompute(db, { deviceId: device.id, spec }) };
}

describe('a device that does not renew its lease', () => {
  it('is declared dead after the lease and its margin, and what may be started elsewhere is, under the next epoch', async () => {
    const { device, compute } = await leased();
    const other = await makeDevice(api.context.db);
    await silent(WHOLE);
    expect(await show(compute.id)).toMatchObject({ state: 'running', device: device.id, epoch: 1 });
    nowMs += 1;
    await watch.look();
    expect(await show(compute.id)).toMatchObject({ state: 'creating', device: other.id, epoch: 2 });
    expect(api.workflows.lifecycles).toMatchObject([
      { operation: 'create', device: other.id, epoch: 2, spec: { id: compute.id } },
    ]);
    expect(await eventTypes(device.id)).toContain('device.declaredDead');
    expect(await eventTypes(compute.id)).toContain('compute.failedOver');
  });

  it('keeps what nobody allowed to be started elsewhere, and is not even watched for it', async () => {
    const { device, compute } = await leased({});
    await makeDevice(api.context.db);
    await silent(10 * WHOLE);
    expect(await show(compute.id)).toMatchObject({ state: 'running', device: device.id, epoch: 1 });
    expect(await eventTypes(device.id)).not.toContain('device.declaredDead');
  });

  it('keeps a compute whose move is open: the other device of the move decides', async () => {
    const { db } = api.context;
    const { device, compute } = await leased();
    const target = await makeDevice(db);
    const move = { group: compute.groupId, source: device.id, target: target.id, epoch: 2 };
    const migrationId = id('migration');
    await createMigration(db, { ...move, id: migrationId, compute: compute.id, workflowId: compute.id });
    await openTransfer(db, { ...move, id: transferId(), migrationId });
    await silent(10 * WHOLE);
    expect(await show(compute.id)).toMatchObject({ device: device.id, epoch: 1 });
  });

  it('keeps it where no other has room, says so, and gives it to the first that can', async () => {
    const { db } = api.context;
    const { device, compute } = await leased();
    await silent(WHOLE + 1);
    expect(await show(compute.id)).toMatchObject({ state: 'lost', device: device.id });
    expect((await show(compute.id)).reason).toContain('no other device can take it');
    const other = await makeDevice(db);
    await watch.look();
    expect(await show(compute.id)).toMatchObject({ state: 'creating', device: other.id, epoch: 2 });
  });

  it('is not declared dead by a word that a grant has overtaken', async () => {
    const { db } = api.context;
    const { device, generation, compute } = await leased();
    const [seen] = await watchedLeases(db);
    await askLease(db, device.id, generation);
    expect(await declareDead(db, { deviceId: device.id, grants: seen?.grants ?? -1, reason: 'late' })).toBe(
      false,
    );
    await watch.look();
    expect(await show(compute.id)).toMatchObject({ device: device.id, epoch: 1 });
  });

  it('gets a whole lease from a watcher that begins anew, whatever its clock says', async () => {
    const { device, compute } = await leased();
    await makeDevice(api.context.db);
    await silent(WHOLE);
    watch = watcher();
    await silent(WHOLE);
    expect(await show(compute.id)).toMatchObject({ device: device.id, epoch: 1 });
  });

  it('makes what could not be made because something else was still going on as soon as that has ended', async () => {
    const { compute } = await leased();
    await makeDevice(api.context.db);
    api.workflows.running.add(compute.id);
    await silent(WHOLE + 1);
    expect(api.workflows.lifecycles).toEqual([]);
    expect(await show(compute.id)).toMatchObject({ state: 'creating', epoch: 2 });
  });
});

describe('a device that was declared dead', () => {
  it('hears with its lease what is another’s now', async () => {
    const { db } = api.context;
    const { client, deviceId } = await join('comes-back');
    const compute = await makeCompute(db, { deviceId, spec: MAY_RESTART });
    const told = [{ id: compute.id, epoch: 1, running: true }];
    const beat = (generation: number | null) => client.heartbeat(makeInventory(), told, { generation });
    expect(await beat(null)).toMatchObject({ lease: { generation: 1, granted: false } });
    expect(await beat(1)).toMatchObject({ outdated: [], lease: { generation: 1, granted: true } });
    await makeDevice(db);
    await silent(WHOLE + 1);
    expect(await show(compute.id)).toMatchObject({ epoch: 2 });

    expect(await beat(1)).toMatchObject({ outdated: [compute.id], lease: { generation: 2, granted: false } });
    expect(await beat(2)).toMatchObject({ outdated: [compute.id], lease: { generation: 2, granted: true } });
    expect(await eventTypes(deviceId)).toContain('device.readmitted');
    await silent(10 * WHOLE);
    expect(await show(compute.id)).toMatchObject({ epoch: 2 });
  });
});
