import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refusals } from './refusals.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

test('the same refusal is written down once in its time, others beside it', () => {
  const refusals = new Refusals(1000);
  expect(['a', 'a', 'b', 'a'].map((key) => refusals.isNew(key))).toEqual([true, false, true, false]);
  vi.advanceTimersByTime(1000);
  expect(refusals.isNew('a')).toBe(true);
});

test('what was refused long ago is forgotten, so that strangers fill no memory', () => {
  const refusals = new Refusals(1000);
  refusals.isNew('first');
  for (let count = 0; count < 10_000; count += 1) refusals.isNew(String(count));
  expect(refusals.isNew('first')).toBe(true);
  expect(refusals.isNew('9999')).toBe(false);
});
