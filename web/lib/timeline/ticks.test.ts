import { describe, expect, it } from 'vitest';
import { formatTick, ticksOf, tickStep } from './ticks.ts';

describe('the distance of ticks is round, and there are no more than fit', () => {
  it.each([
    [0.4, 5, 0.1],
    [97, 6, 20],
    [100, 5, 20],
    [101, 5, 50],
    [1_400, 4, 500],
    [9_000, 6, 2_000],
    [61_000, 6, 15_000],
    [100_000, 2, 60_000],
    [7_200_000, 5, 1_800_000],
    [400 * 86_400_000, 4, 100 * 86_400_000],
    [100, 0, 100],
  ])('%f ms, at most %i: every %f ms', (ms, most, step) => {
    expect(tickStep(ms, most)).toBe(step);
  });
});

it.each([
  [0, 5, [0]],
  [97, 6, [0, 20, 40, 60, 80]],
  [100, 5, [0, 20, 40, 60, 80, 100]],
  [0.3, 4, [0, 0.1, 0.2, 0.3]],
])('%f ms with at most %i: %j', (ms, most, ticks) => {
  expect(ticksOf(ms, most)).toEqual(ticks);
});

it.each([
  [0, '0'],
  [0.5, '0.5 ms'],
  [200, '200 ms'],
  [1_500, '1.5 s'],
  [30_000, '30 s'],
  [90_000, '1 min 30 s'],
  [120_000, '2 min'],
  [5_400_000, '90 min'],
  [7_200_000, '2 h'],
])('%f ms is %s', (ms, text) => {
  expect(formatTick(ms)).toBe(text);
});
