import { expect, test } from 'vitest';
import { figures } from './figures.ts';
import { alignColumns, failureLines, figureLines, movesTable } from './table.ts';
import { bareSample, moveSample } from './testSamples.ts';

test('columns are lined up: words to the left, numbers to the right', () => {
  expect(
    alignColumns([
      ['a', 'b', 'c', 'n'],
      ['long', 'b', 'c', '100'],
    ]),
  ).toEqual(['a     b  c    n', 'long  b  c  100']);
});

test('a row tells medians, least and most, and lost connections', () => {
  const rows = movesTable([
    moveSample({ contender: 'podman', gapMs: 4_000, lost: 16 }),
    moveSample({ contender: 'podman', gapMs: 5_000, lost: 0 }),
    moveSample({ contender: 'podman', gapMs: 6_000, lost: 0, succeeded: false }),
    bareSample([[50, 60]]),
  ]);
  expect(rows).toHaveLength(3);
  expect(rows[1]).toMatch(/^unshaped +idle +podman +2\/3 +16\/32 lost +4500 +\(4000-5000\)/);
  expect(rows[2]).toMatch(/^unshaped +idle +bare +110 +\(110-110\)$/);
});

test('a reason that comes again is told once, with how often', () => {
  const failed = moveSample({ succeeded: false, reason: 'aborted: too much is written' });
  expect(failureLines([failed, failed, moveSample()])).toEqual([
    'unshaped idle drayage: aborted: too much is written (2 times)',
  ]);
});

test('a figure tells what it has to be, whether it is, and its parts', () => {
  const made = figures([moveSample({ gapMs: 150 }), bareSample([[50, 50]])]);
  const lines = figureLines(made);
  expect(lines[0]).toMatch(/^gapIdleOverBare +1.5 {2}\(<= 1.3\) {2}NOT MET$/);
  expect(lines[1]).toBe('    unshaped: gapMs 150, bareMs 100, value 1.5');
  expect(lines.find((line) => line.startsWith('gapOverPodman'))).toMatch(/- {2}\(<= 0.1\) {2}not measured$/);
});
