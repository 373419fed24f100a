import { expect, test } from 'vitest';
import { lookAgainMs } from './evacuation.ts';

test.each([
  ['alone, it looks when it wants to', 5_000, 1, null, 5_000],
  ['of ten, too', 5_000, 10, null, 5_000],
  ['of fifty, each waits longer', 5_000, 50, null, 25_000],
  ['a pause is longer than that', 60_000, 50, null, 60_000],
  ['its deadline comes first', 5_000, 50, 12_000, 12_000],
  ['a deadline that is near makes it look no oftener', 5_000, 50, 100, 5_000],
  ['a deadline that has passed changes nothing', 5_000, 50, -1, 25_000],
])('%s', (_name, wanted, open, deadline, again) => {
  expect(lookAgainMs(wanted, open, deadline)).toBe(again);
});
