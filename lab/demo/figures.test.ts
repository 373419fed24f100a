import { describe, expect, it } from 'vitest';
import type { Migration, MigrationState } from '../../core/migration.ts';
import type { ClientEnd } from './client/report.ts';
import { demoFigures, isGood, median, type DemoFigures } from './figures.ts';

const CLIENT: ClientEnd = {
  type: 'end',
  requests: 1_000,
  errors: 0,
  connections: { opened: 5, kept: 5 },
  acknowledged: 800,
  counter: 800,
  fileCounter: 800,
};

function move(gapMs: number, frozenMs: number | null, state: MigrationState = 'succeeded') {
  const ends = { id: 'x', name: 'x' };
  const migration: Migration = {
    ...{ id: 'mig', compute: ends, source: ends, target: ends, state, reason: '', causes: [], epoch: 1 },
    ...{ trackerReason: null, restore: null, dryRun: false, predicted: null, progress: null, throttle: null },
    ...{
      tracker: null,
      rounds: [],
      phases: [],
      frozenMs,
      wireBytes: 0,
      totalMs: 1,
      workflowId: '',
      runId: '',
    },
  };
  return { migration, gapMs };
}

describe('the median', () => {
  it.each([
    { numbers: [3], middle: 3 },
    { numbers: [9, 1, 5], middle: 5 },
    { numbers: [10, 1, 2, 100], middle: 6 },
    { numbers: [], middle: NaN },
  ])('of $numbers is $middle', ({ numbers, middle }) => {
    expect(median(numbers)).toBe(middle);
  });
});

describe('the figures', () => {
  it('are those of the contract', () => {
    const figures = demoFigures(3, [move(90.04, 80), move(110, 100.26), move(100, 90)], CLIENT, 80);
    expect(figures).toEqual({
      migrations: 3,
      succeeded: 3,
      clientGapMs: { p50: 100, max: 110 },
      frozenMs: { p50: 90, max: 100.3 },
      bareMs: 80,
      gapOverBare: 1.25,
      requests: 1_000,
      errors: 0,
      connections: { opened: 5, kept: 5 },
    });
  });

  it('count a move that failed, and not what was seen in it', () => {
    const figures = demoFigures(2, [move(100, 90), move(9_000, null, 'rolledBack')], CLIENT, 100);
    expect(figures).toMatchObject({ migrations: 2, succeeded: 1, clientGapMs: { max: 100 }, gapOverBare: 1 });
  });

  it('say null of what was not measured', () => {
    expect(demoFigures(1, [], null, null)).toMatchObject({
      clientGapMs: { p50: null, max: null },
      bareMs: null,
      gapOverBare: null,
      connections: { opened: 0, kept: 0 },
    });
  });
});

describe('a run is good', () => {
  const good = demoFigures(1, [move(100, 90)], CLIENT, 100);
  const cases: { name: string; changes: Partial<DemoFigures>; is: boolean }[] = [
    { name: 'all as it should be', changes: {}, is: true },
    { name: 'a move that failed', changes: { succeeded: 0 }, is: false },
    { name: 'no move at all', changes: { migrations: 0, succeeded: 0 }, is: false },
    { name: 'a lost connection', changes: { connections: { opened: 5, kept: 4 } }, is: false },
    { name: 'no connection', changes: { connections: { opened: 0, kept: 0 } }, is: false },
    { name: 'a wrong answer', changes: { errors: 1 }, is: false },
    { name: 'no answer', changes: { requests: 0 }, is: false },
    { name: 'no bare figures', changes: { bareMs: null }, is: false },
  ];
  it.each(cases)('$name: $is', ({ changes, is }) => {
    expect(isGood({ ...good, ...changes })).toBe(is);
  });
});
