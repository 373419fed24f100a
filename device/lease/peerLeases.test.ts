import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LEASE_MARGIN_MS, LEASE_MS } from '../../core/lease.ts';
import { PeerLeases } from './peerLeases.ts';

const ID = 'cmp_000000000000';
const WHOLE = LEASE_MS + LEASE_MARGIN_MS;
let folder = '';
let nowMs = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drayage-leases-'));
  nowMs = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function opened(): Promise<PeerLeases> {
  const leases = new PeerLeases(folder, () => nowMs);
  await leases.start();
  return leases;
}

test('while a lease from here may be valid nothing is promised', async () => {
  const leases = await opened();
  nowMs = 10 * WHOLE;
  expect(await leases.grant(ID, 1)).toBe(true);
  nowMs += WHOLE;
  expect(await leases.promise(ID, 1)).toEqual({ lives: true });
  expect(await leases.grant(ID, 1)).toBe(true);
});

test('what was promised holds, also for the next worker, until the device has a later generation', async () => {
  const leases = await opened();
  nowMs = WHOLE + 1;
  expect(await leases.promise(ID, 1)).toEqual({ lives: false });
  expect(await leases.grant(ID, 1)).toBe(false);
  const next = await opened();
  expect(await next.grant(ID, 1)).toBe(false);
  expect(await next.grant(ID, 2)).toBe(true);
});

test('a worker that has just started does not know what the one before has granted', async () => {
  const leases = await opened();
  nowMs = WHOLE;
  expect(await leases.promise(ID, 1)).toEqual({ lives: true });
  nowMs += 1;
  expect(await leases.promise(ID, 1)).toEqual({ lives: false });
});

test('of a compute that is not kept any more nothing is left', async () => {
  const leases = await opened();
  nowMs = WHOLE + 1;
  await leases.promise(ID, 1);
  await leases.forget(ID);
  expect(await (await opened()).grant(ID, 1)).toBe(true);
});
