import { expect, test } from 'vitest';
import { DEFAULT_FIXED_FREEZE_MS } from './decideNextRound.ts';
import { DEFAULT_OVERHEAD_MS, predictMove } from './predictMove.ts';

const MB = 1_000_000;
const link = { bytesPerSecond: 100 * MB, between: 'these' as const };

test('a compute that never moved takes its memory over the link, and what every move takes', () => {
  expect(predictMove({ past: [], memoryBytes: 500 * MB, link })).toEqual({
    freezeMs: DEFAULT_FIXED_FREEZE_MS,
    wireBytes: 500 * MB,
    totalMs: DEFAULT_OVERHEAD_MS + 5_000,
    reason: 'From the memory that it uses and what the link between the two carried last.',
  });
});

test('the moves before count, by their medians, and not the memory', () => {
  const past = [
    { frozenMs: 120, wireBytes: 100 * MB, totalMs: 3_000 },
    { frozenMs: 900, wireBytes: 900 * MB, totalMs: 30_000 },
    { frozenMs: 100, wireBytes: 110 * MB, totalMs: 3_200 },
  ];
  expect(predictMove({ past, memoryBytes: 5_000 * MB, link })).toMatchObject({
    freezeMs: 120,
    wireBytes: 110 * MB,
    totalMs: 2_100 + 1_100,
    reason: 'From its last 3 moves and what the link between the two carried last.',
  });
});

test('of an even number of moves the middle two are taken', () => {
  const past = [
    { frozenMs: 100, wireBytes: 0, totalMs: 1_000 },
    { frozenMs: 200, wireBytes: 0, totalMs: 2_000 },
  ];
  expect(predictMove({ past, memoryBytes: null, link })).toMatchObject({ freezeMs: 150, totalMs: 1_500 });
});

test('what a slower link carried before does not make the rest of the move negative', () => {
  const past = [{ frozenMs: 100, wireBytes: 1_000 * MB, totalMs: 4_000 }];
  expect(predictMove({ past, memoryBytes: null, link: { ...link, bytesPerSecond: 10 * MB } })).toMatchObject({
    totalMs: 100_000,
    reason: 'From its last move and what the link between the two carried last.',
  });
});

test('says when it knows nothing', () => {
  expect(predictMove({ past: [], memoryBytes: null, link: null })).toMatchObject({
    ...{ wireBytes: 0, totalMs: DEFAULT_OVERHEAD_MS },
    reason: 'From what an empty compute takes and a link of 1 Gbit/s, since none was measured.',
  });
  expect(predictMove({ past: [], memoryBytes: 1, link: { ...link, between: 'others' } }).reason).toBe(
    'From the memory that it uses and what other links of its device carried last.',
  );
});
