import { expect, test } from 'vitest';
import { decideCheckpoint, sealedAs } from './checkpoint.ts';

const due = { everySeconds: 10, sinceMs: 10_000, running: true, held: false };

test.each([
  ['the first one is taken at once', { sinceMs: null }, 'take'],
  ['the next one when its time has come', {}, 'take'],
  ['not before', { sinceMs: 9_999 }, 'wait'],
  ['of what does not run there is none', { running: false }, 'wait'],
  ['while a move has it none is taken', { held: true }, 'wait'],
  ['not even the first', { held: true, sinceMs: null }, 'wait'],
] as const)('%s', (_, change, action) => {
  expect(decideCheckpoint({ ...due, ...change }).action).toBe(action);
});

test('parts of different checkpoints are sealed as different things', () => {
  const place = { computeId: 'cmp_000000000000', epoch: 1, number: 11 };
  const names = [
    sealedAs(place, 'images'),
    sealedAs(place, 'layer.0'),
    sealedAs({ ...place, epoch: 11, number: 1 }, 'images'),
  ];
  expect(new Set(names).size).toBe(3);
});
