import { expect, test } from 'vitest';
import { figures } from './figures.ts';
import { plan } from './plan.ts';
import { alignColumns, conclude, failureLines, figureLines, movesTable } from './table.ts';
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
    moveSample({ contender: 'podman', first: true, gapMs: 9_000, tracker: null }),
  ]);
  expect(rows).toHaveLength(4);
  expect(rows[1]).toMatch(/^unshaped +idle +podman +2\/3 +16\/32 lost +4500 +\(4000-5000\)/);
  expect(rows[3]).toMatch(/^unshaped +idle +podman, first move +1\/1 +16\/16 +9000 .* -$/);
  expect(rows[1]).toMatch(/ content$/);
  expect(rows[2]).toMatch(/^unshaped +idle +bare +110 +\(110-110\)$/);
});

test('a reason that comes again is told once, with how often', () => {
  const failed = moveSample({ succeeded: false, reason: 'aborted: too much is written' });
  expect(failureLines([failed, failed, moveSample()])).toEqual([
    'unshaped idle drayage: aborted: too much is written (2 times)',
  ]);
  const bare = { ...bareSample([]), reason: 'no runc' };
  expect(failureLines([bare, moveSample({ first: true, succeeded: false, reason: 'cold' })])).toEqual([
    'unshaped idle bare: no runc',
    'unshaped idle drayage, first move: cold',
  ]);
});

test('a figure tells what it has to be, whether it is, and its parts', () => {
  const failed = moveSample({ succeeded: false });
  const samples = [moveSample({ gapMs: 150 }), failed, bareSample([[50, 50]])];
  const made = figures(samples, plan(['unshaped', 'idle', '256mb'], 1));
  const lines = figureLines(made);
  expect(lines[0]).toMatch(/^gapIdleOverBare +1.5 {2}\(<= 1.3\) {2}NOT MET$/);
  expect(lines[1]).toBe('    unshaped: gapMs 150, bareMs 100, value 1.5');
  expect(lines[2]).toBe('    failed: unshaped idle drayage, 1 times');
  expect(lines.find((line) => line.startsWith('gapOverPodman'))).toMatch(
    /- {2}\(<= 0.1\) {2}NOT TAKEN IN FULL$/,
  );
  expect(lines.find((line) => line.startsWith('gap1024OverIdle'))).toMatch(/- {2}\(<= 2\) {2}not taken$/);
});

test('the conclusion is good when all that the plan has was taken and is met, and names all else', () => {
  const turns = plan(['unshaped', 'idle'], 1);
  const conclusion = (gapMs: number, bare: [number, number][]) =>
    conclude(figures([moveSample({ gapMs }), bareSample(bare)], turns));
  const met = conclusion(120, [[50, 50]]);
  expect(met.good).toBe(true);
  expect(met.lines[0]).toMatch(/^Not taken, .*: gap256OverIdle, .*residentAfterOverBefore\.$/);
  expect(met.lines.at(-1)).toBe('1 figures met, 0 not met, 0 not taken in full.');
  const worse = conclusion(150, [[50, 50]]);
  expect(worse.good).toBe(false);
  expect(worse.lines[0]).toBe(
    'Not met: gapIdleOverBare 1.5 (<= 1.3); unshaped: gapMs 150, bareMs 100, value 1.5',
  );
  const missing = conclusion(120, []);
  expect(missing.good).toBe(false);
  expect(missing.lines[0]).toBe(
    'Could not be taken in full: gapIdleOverBare - (<= 1.3); unshaped: gapMs 120',
  );
});
