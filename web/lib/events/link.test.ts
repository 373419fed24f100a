import { expect, it } from 'vitest';
import { linkAfter, waitAfter } from './link.ts';

it.each([
  [0, 'online'],
  [1, 'stale'],
  [4, 'stale'],
  [5, 'offline'],
  [99, 'offline'],
])('after %i failures the page is %s', (failures, link) => {
  expect(linkAfter(failures)).toBe(link);
});

it.each([
  [0, 0, 125],
  [0, 1, 250],
  [1, 1, 500],
  [4, 1, 4_000],
  [20, 1, 10_000],
  [20, 0, 5_000],
])('after %i failures, with chance %f, it waits %i ms', (failures, random, ms) => {
  expect(waitAfter(failures, random)).toBe(ms);
});
