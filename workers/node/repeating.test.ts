import { expect, test } from 'vitest';
import { pauseMs, Repeating } from './repeating.ts';

test.each([
  ['a short turn, as early as may be', 100, 0, 1700],
  ['a short turn, in the middle', 100, 0.5, 1900],
  ['a short turn, as late as may be', 100, 1, 2100],
  ['a turn that took nearly all of the time', 1900, 0.5, 500],
  ['a turn that took longer', 9000, 0.5, 500],
])('%s', (_, took, random, ms) => {
  expect(pauseMs(2000, took, random)).toBeCloseTo(ms);
});

test('begins at once, counts its turns, and waits for the last one when it is closed', async () => {
  const counts: number[] = [];
  const third = Promise.withResolvers<void>();
  let ended = 0;
  const repeating = new Repeating(4, async (count) => {
    counts.push(count);
    if (count === 3) third.resolve();
    await Promise.resolve();
    ended += 1;
  });
  repeating.start();
  repeating.start();
  expect(counts).toEqual([1]);
  await third.promise;
  await repeating.close();
  expect(counts.slice(0, 3)).toEqual([1, 2, 3]);
  expect(ended).toBe(counts.length);
});
