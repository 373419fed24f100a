import { expect, it } from 'vitest';
import { lockSeconds } from './signIn.ts';

it.each([
  [0, 0],
  [5, 0],
  [6, 30],
  [7, 60],
  [10, 480],
  [11, 900],
  [1_000_000, 900],
])('after %i wrong passwords an email is locked for %i s', (failures, seconds) => {
  expect(lockSeconds(failures)).toBe(seconds);
});
