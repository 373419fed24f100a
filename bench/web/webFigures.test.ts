import { expect, test } from 'vitest';
import { interactionToNextPaint, isMet, webFigures } from './webFigures.ts';

const watched = (computes: number, interactionsMs: number[]) => ({ computes, interactionsMs });
const open = {
  ...{ minutes: 10, heapBefore: 20e6, heapAfter: 26e6, events: 9_000 },
  ...{ changedFrames: 3_000, mostChangesInAFrame: 1 },
};

test('one action in fifty may be slower', () => {
  const quick = Array.from({ length: 49 }, () => 24);
  expect(interactionToNextPaint(watched(20, [...quick, 400]))).toBe(24);
  expect(interactionToNextPaint(watched(20, [...quick.slice(1), 400, 400]))).toBe(400);
});

test('many computes are compared with few', () => {
  const figures = webFigures(watched(20, [40]), watched(2000, [50]), open);
  expect(figures.map(({ name, value }) => [name, value])).toEqual([
    ['interactionManyOverFew', 1.25],
    ['heapGrowthMb', 6],
    ['changesPerFrame', 1],
  ]);
  expect(figures.every(isMet)).toBe(true);
  expect(webFigures(watched(20, [40]), watched(2000, [64]), open).map(isMet)).toEqual([false, true, true]);
});
