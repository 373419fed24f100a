import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assignPeers } from '../../api/failover/assignPeers.ts';
import { LeaseWatch } from '../../api/failover/leaseWatch.ts';
import type { CheckpointReport } from '../../core/checkpoint.ts';
import { LEASE_MARGIN_MS, LEASE_MS } from '../../core/lease.ts';
import type { SnapshotContent } from '../../core/snapshot.ts';
import { getCompute, removeCompute, setRestored } from '../../db/computes.ts';
import { setDeviceState } from '../../db/devices.ts';
import { eventsOf } from '../../db/events.ts';
import { askLease } from '../../db/leases.ts';
import { useApi } from './support/api.ts';
import { type FakeLink, startFakeLink } from './support/fakeLink.ts';
import { makeCompute, makeInventory } from './support/fixtures.ts';
import { type JoinedDevice, useDevices } from './support/joinedDevices.ts';

const api = useApi();
const join = useDevices(api);
const logger = pino({ level: 'silent' });
const content: SnapshotContent = {
  ...{ frozenMs: 12, memoryBytes: 4096, descriptors: [], bound: [] },
  parts: ['layer.0', 'images'].map((name) => ({ name, bytes: 10, digest: `sha256:${'0'.repeat(64)}` })),
};

let owner: JoinedDevice;
let peer: JoinedDevice;
let computeId = '';
/** What the peer says when it is asked to promise; null: it does not answer. */
let promises: { lives: boolean } | null = null;
let link: FakeLink;

beforeEach(async () => {
  owner = await join('owner');
  peer = await join('peer');
  link = await startFakeLink(api.context.authority, peer.deviceId, (_request, response) => {
    if (promises === null) response.destroy();
    else response.end(JSON.stringify(promises));
  });
  for (const { deviceId } of [owner, peer])
    await setDeviceState(api.context.db, deviceId, ['pending'], 'ready');
  await peer.client.heartbeat(makeInventory({ linkAddress: link.address }), []);
  await owner.client.heartbeat(makeInventory(), []);
  const spec = { protection: { kind: 'checkpoint', everySeconds: 5 } } as const;
  computeId = (await makeCompute(api.context.db, { deviceId: owner.deviceId, spec })).id;
});
afterEach(() => link.close());

const keeping = async () => (await owner.client.placements())[0]?.keeping ?? null;
const report = (change: Partial<CheckpointReport> = {}): CheckpointReport => ({
  ...{ computeId, epoch: 1, number: 1, peer: peer.deviceId, content, agoMs: 0 },
  ...change,
});
const assign = () => assignPeers(api.context, logger);

describe('a compute that is protected by checkpoints', () => {
  it('has them kept by another device, which is told of whom, and nothing of their key', async () => {
    expect(await keeping()).toBeNull();
    await assign();
    const { key, ...rest } = (await keeping()) ?? { key: '' };
    expect(rest).toEqual({ last: 0, peer: { id: peer.deviceId, linkAddress: link.address } });
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    await assign();
    expect((await keeping())?.key).toBe(key);
    expect(await peer.client.checkpointSource(computeId)).toBe(owner.deviceId);
    expect(await owner.client.checkpointSource(computeId)).toBeNull();
    await expect(peer.client.checkpoint(computeId)).rejects.toMatchObject({
      cause_: { code: 'checkpointRefused' },
    });
  });

  it('has none on record but those of its owner, under its epoch, that are newer, where they belong', async () => {
    await assign();
    const refused = { cause_: { code: 'checkpointRefused' } };
    await expect(peer.client.tookCheckpoint(report())).rejects.toMatchObject(refused);
    await expect(owner.client.tookCheckpoint(report({ epoch: 2 }))).rejects.toMatchObject(refused);
    await expect(owner.client.tookCheckpoint(report({ peer: owner.deviceId }))).rejects.toMatchObject(
      refused,
    );
    await owner.client.tookCheckpoint(report({ number: 2 }));
    await expect(owner.client.tookCheckpoint(report({ number: 2 }))).rejects.toMatchObject(refused);
    expect((await keeping())?.last).toBe(2);
    const { body } = await api.call('GET', `/computes/${computeId}`);
    expect(body).toMatchObject({ checkpoint: { device: { name: 'peer' }, bytes: 20, frozenMs: 12 } });
  });

  it('leaves nothing when it is deleted', async () => {
    await assign();
    await owner.client.tookCheckpoint(report());
    await removeCompute(api.context.db, computeId);
    expect(await peer.client.checkpointSource(computeId)).toBeNull();
  });
});

describe('its device is lost', () => {
  let nowMs = 0;
  let watch: LeaseWatch;
  const placed = async () => {
    const { placement, state } = await getCompute(api.context.db, computeId);
    return { state, device: placement?.deviceId, epoch: placement?.epoch };
  };
  const unchanged = () => ({ state: 'running', device: owner.deviceId, epoch: 1 });
  const lose = async () => {
    await watch.look();
    nowMs += LEASE_MS + LEASE_MARGIN_MS + 1;
    await watch.look();
  };

  beforeEach(async () => {
    watch = new LeaseWatch(api.context, logger, () => nowMs);
    await assign();
    await askLease(api.context.db, owner.deviceId, null);
    await askLease(api.context.db, owner.deviceId, 1);
  });

  it('it goes on where its checkpoint is, and only that device gets the key', async () => {
    const key = (await keeping())?.key;
    await owner.client.tookCheckpoint(report({ agoMs: 4000 }));
    promises = { lives: false };
    await lose();
    expect(await placed()).toEqual({ state: 'creating', device: peer.deviceId, epoch: 2 });
    expect(link.asked).toEqual([`control http/1.1 /v1/computes/${computeId}/promise?generation=1`]);
    expect(api.workflows.lifecycles).toMatchObject([
      { operation: 'recover', device: peer.deviceId, epoch: 2 },
    ]);
    const events = await eventsOf(api.context.db, computeId);
    const lost = events.find(({ type }) => type === 'compute.failedOver')?.data['lostSeconds'];
    expect(lost).toBeGreaterThanOrEqual(4);
    await expect(owner.client.checkpoint(computeId)).rejects.toMatchObject({
      cause_: { code: 'checkpointRefused' },
    });
    expect(await peer.client.checkpoint(computeId)).toEqual({ computeId, epoch: 1, number: 1, content, key });
    // Until it goes on; the next ones go elsewhere.
    await setRestored(api.context.db, computeId);
    await expect(peer.client.checkpoint(computeId)).rejects.toMatchObject({
      cause_: { code: 'checkpointRefused' },
    });
  });

  it('it stays where it is while the device that has its checkpoint says that it lives, or nothing', async () => {
    await owner.client.tookCheckpoint(report());
    promises = { lives: true };
    await lose();
    expect(await placed()).toEqual(unchanged());
    promises = null;
    await watch.look();
    expect(await placed()).toEqual(unchanged());
    promises = { lives: false };
    await watch.look();
    expect(await placed()).toMatchObject({ device: peer.deviceId, epoch: 2 });
  });

  it('it waits for its device when there is no checkpoint yet', async () => {
    promises = { lives: false };
    await lose();
    expect(await placed()).toEqual(unchanged());
    expect(link.asked).toEqual([]);
  });
});
