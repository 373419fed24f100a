import { expect, test } from 'vitest';
import { BACKDATED_MS, decideRenewal } from './decideRenewal.ts';

const HOUR = 3_600_000;
const ISSUED = Date.parse('2026-01-01T00:00:00Z');
const valid = (hours: number) => ({ validFrom: ISSUED - BACKDATED_MS, validTo: ISSUED + hours * HOUR });

test.each<[string, number, number, number, 'renew' | 'wait']>([
  ['a fresh one waits', 300, 0, 0, 'wait'],
  ['one with half of its life left waits', 300, 150, 0, 'wait'],
  ['one with a third left still waits', 300, 200, 0, 'wait'],
  ['one with less than a third left is renewed', 300, 201, 0, 'renew'],
  ['one that was issued before the device looks waits', 300, -1, 0, 'wait'],
  ['by chance it may be later', 300, 201, 0.99, 'wait'],
  ['but not later than with a quarter left', 300, 226, 0.99, 'renew'],
  ['what it is valid for before it was issued does not count', 3, 1, 0, 'wait'],
  ['nor with a short life', 3, 2.1, 0, 'renew'],
  ['one that has run out is renewed', 300, 300, 0.99, 'renew'],
])('%s', (_what, life, after, random, action) => {
  expect(decideRenewal(valid(life), ISSUED + after * HOUR, random).action).toBe(action);
});
