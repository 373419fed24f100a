import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LEASE_MS } from '../../core/lease.ts';
import { FakeGate } from '../fake/fakeGate.ts';
import { vethName } from '../network/vethName.ts';
import { Leases } from './leases.ts';

const MAY = { id: 'cmp_000000000001', protection: { kind: 'restart' } } as const;
const NOT = { id: 'cmp_000000000002', protection: undefined };
const OTHER = 'cmp_000000000003';
let folder = '';
let gate: FakeGate;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  folder = await mkdtemp(join(tmpdir(), 'drayage-lease-'));
  gate = new FakeGate();
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

async function started(here: Parameters<Leases['start']>[0] = []): Promise<Leases> {
  const leases = new Leases(gate, join(folder, 'lease.json'));
  await leases.start(here);
  return leases;
}

const isOpen = ({ id }: { id: string }) => gate.letsThrough(vethName(id));
const renew = async (leases: Leases) => leases.grant(await leases.prepare(), 1);

test('what may be started elsewhere is shut until it has a lease, all else never is', async () => {
  const leases = await started();
  await leases.fence(MAY);
  await leases.fence(NOT);
  expect([isOpen(MAY), isOpen(NOT)]).toEqual([false, true]);
  await renew(leases);
  expect(isOpen(MAY)).toBe(true);
});

test('a lease ends by itself, and one that was granted since goes on without a gap', async () => {
  const leases = await started();
  await leases.fence(MAY);
  await renew(leases);
  vi.advanceTimersByTime(LEASE_MS - 1);
  const asked = await leases.prepare();
  expect(isOpen(MAY)).toBe(true);
  await leases.grant(asked, 1);
  vi.advanceTimersByTime(LEASE_MS - 1);
  expect(isOpen(MAY)).toBe(true);
  vi.advanceTimersByTime(1);
  expect(isOpen(MAY)).toBe(false);
});

test('a grant that is put in force late counts from when it was asked for', async () => {
  const leases = await started();
  await leases.fence(MAY);
  const asked = await leases.prepare();
  vi.advanceTimersByTime(LEASE_MS);
  await leases.grant(asked, 1);
  expect(isOpen(MAY)).toBe(false);
});

test('what is another device’s by now gets none', async () => {
  const leases = await started();
  await leases.fence(MAY);
  const asked = await leases.prepare();
  await leases.grant(asked, 2, [MAY.id]);
  expect(isOpen(MAY)).toBe(false);
  expect(leases.forPeers(asked)).toEqual([]);
  await leases.grant(asked, 2);
  expect([isOpen(MAY), leases.forPeers(asked)]).toEqual([true, [MAY.id]]);
});

test('what peers have granted is open, and nothing else', async () => {
  const leases = await started();
  await leases.fence(MAY);
  await leases.fence({ ...MAY, id: OTHER });
  const asked = await leases.prepare();
  await leases.grantByPeers(asked, [OTHER]);
  expect([isOpen(MAY), isOpen({ id: OTHER })]).toEqual([false, true]);
});

test('a compute that came after the question has to be asked for', async () => {
  const leases = await started();
  const asked = await leases.prepare();
  await leases.fence(MAY);
  await leases.grant(asked, 1);
  expect(isOpen(MAY)).toBe(false);
});

test('the next worker takes over what the kernel has, and lets go of what has gone', async () => {
  const leases = await started();
  await leases.fence(MAY);
  await leases.grant(await leases.prepare(), 7);
  await leases.learn(8);
  const next = await started([MAY]);
  expect([isOpen(MAY), next.any, next.told, next.held]).toEqual([true, true, 8, 7]);
  vi.advanceTimersByTime(LEASE_MS - 1);
  await renew(next);
  vi.advanceTimersByTime(LEASE_MS - 1);
  expect(isOpen(MAY)).toBe(true);
  expect((await started([])).any).toBe(false);
  expect(isOpen(MAY)).toBe(true);
});

test('after a reboot all is shut', async () => {
  await renew(await started([MAY]));
  gate.losePower();
  await started([MAY]);
  expect(isOpen(MAY)).toBe(false);
});
