import { expect, test } from 'vitest';
import type { Round } from '../core/migration.ts';
import { progressLine, roundLines } from './rounds.ts';

const ROUND: Round = {
  ...{ round: 1, pages: 100, bytes: 409_600, wireBytes: 409_700, ms: 12, dirtyPagesPerSecond: 0, scanMs: 9 },
  ...{ lookedPages: 100, zeroPages: 0, knownPages: 0, linkBytesPerSecond: null, closing: false },
  ...{ decision: 'round', reason: 'what has changed since is not known yet', expectedFreezeMs: 130 },
};

test('each round says what it sent, and what was decided after it and why', () => {
  const lines = roundLines([ROUND, { ...ROUND, round: 2, pages: 3, closing: true, decision: 'switch' }]);
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/1 +100 +400\.?\d* KiB +12\.0 ms +0 pages\/s +round: what has changed since/);
  expect(lines[2]).toContain('2 closing');
});

test('a move without rounds has no table', () => {
  expect(roundLines([])).toEqual([]);
});

test('progress is one line with units, and with the expected freeze once that is known', () => {
  const progress = { round: 2, pages: 10, bytes: 40_960, wireBytes: 1, bytesPerSecond: 1_048_576, at: '' };
  expect(progressLine({ ...progress, expectedFreezeMs: null })).toBe('round 2: 10 pages, 40 KiB, 1 MiB/s');
  expect(progressLine({ ...progress, expectedFreezeMs: 150 })).toContain('a freeze now would take 150 ms');
  expect(progressLine(null)).toBeNull();
});
