import { expect, test } from 'vitest';
import { phasesSvg, stackPhases } from './phasesSvg.ts';
import { moveSample } from './testSamples.ts';

const steps = [
  { name: 'precopy', startedAt: 0, ms: 1_000 },
  { name: 'restore', startedAt: 1_120, ms: 50 },
  { name: 'freeze', startedAt: 1_000, ms: 10 },
  { name: 'dump', startedAt: 1_010, ms: 80 },
  { name: 'transfer', startedAt: 1_050, ms: 60 },
  { name: 'plug', startedAt: 1_011, ms: 5 },
];

test('pieces are what each phase adds to those before it, gaps included, and last as long as the window', () => {
  const pieces = stackPhases(steps);
  expect(pieces).toEqual([
    { name: 'freeze', ms: 10 },
    { name: 'dump', ms: 80 },
    { name: 'transfer', ms: 20 },
    { name: '', ms: 10 },
    { name: 'restore', ms: 50 },
  ]);
  expect(pieces.reduce((sum, { ms }) => sum + ms, 0)).toBe(1_170 - 1_000);
});

test('no phase makes no piece', () => {
  expect(stackPhases([])).toEqual([]);
});

test('a drawing has a bar and the gap of each move, all within its frame, and words that cannot break it', () => {
  const moves = [moveSample({ steps, gapMs: 190 }), moveSample({ contender: 'a<b', gapMs: 400, lost: 1 })];
  const svg = phasesSvg('a & b', moves);
  expect(svg.match(/<line /g)).toHaveLength(2);
  expect(svg).toContain('400 ms, lost');
  expect(svg).toContain('a &amp; b');
  expect(svg).toContain('a&lt;b 1');
  const ends = [...svg.matchAll(/x2="([\d.]+)"/g)].map(([, x]) => Number(x));
  expect(Math.max(...ends)).toBeLessThanOrEqual(900 - 110);
});
