import { expect, test } from 'vitest';
import { decideDeath, decideLease, LEASE_MARGIN_MS, LEASE_MS } from './lease.ts';

const WHOLE = LEASE_MS + LEASE_MARGIN_MS;
const alive = { generation: 3, grants: 40, dead: false };
const dead = { generation: 4, grants: 40, dead: true };

test.each([
  ['a device that is alive gets it', alive, 3, 'grant'],
  ['a worker that has just started is told its generation first', alive, null, 'refuse'],
  ['one that shows an earlier generation gets nothing', alive, 2, 'refuse'],
  ['one that was declared dead and does not know gets nothing', dead, 3, 'refuse'],
  ['a worker that starts on a dead device gets nothing', dead, null, 'refuse'],
  ['one that knows that it was declared dead is alive again', dead, 4, 'readmit'],
] as const)('%s', (_, record, shown, action) => {
  expect(decideLease(record, shown).action).toBe(action);
});

test.each([
  ['a watcher that has just begun gives a whole lease', 40, null, 10 * WHOLE, 'watch'],
  ['a grant since is a new lease', 41, { grants: 40, atMs: 0 }, 10 * WHOLE, 'watch'],
  [
    'until the lease and its margin have passed nothing is certain',
    40,
    { grants: 40, atMs: 0 },
    WHOLE,
    'wait',
  ],
  ['after them the device is dead', 40, { grants: 40, atMs: 0 }, WHOLE + 1, 'declareDead'],
] as const)('%s', (_, grants, seen, nowMs, action) => {
  expect(decideDeath({ grants }, seen, nowMs).action).toBe(action);
});
