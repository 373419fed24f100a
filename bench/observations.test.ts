import { describe, expect, test } from 'vitest';
import { memoryFigures, workRates } from './observations.ts';

describe('the rate of the own work', () => {
  /** 1000 a second before the move at 2000, 800 while the rounds ran, nothing in the freeze. */
  const samples = [
    { at: 0, work: 0 },
    { at: 1_000, work: 1_000 },
    { at: 2_000, work: 2_000 },
    { at: 3_100, work: 3_000 },
    { at: 4_100, work: 3_800 },
    { at: 6_000, work: 3_800 },
  ];
  const steps = [
    { name: 'preflight', startedAt: 2_050, ms: 500 },
    { name: 'precopy', startedAt: 3_000, ms: 1_200 },
    { name: 'freeze', startedAt: 4_200, ms: 10 },
  ];

  test('is that between the looks within the rounds, beside that before the move', () => {
    expect(workRates(samples, steps)).toEqual({ before: 1_000, during: 800 });
  });

  test('is not known without rounds, or with one look at them', () => {
    expect(workRates(samples, steps.slice(0, 1))).toBeNull();
    expect(workRates(samples.slice(0, 4), steps)).toBeNull();
  });
});

describe('memory', () => {
  const looks = (sums: [worker: number, stores: number, program: number][]) =>
    sums.map(([worker, stores, program]) => ({ worker, stores, program }));
  const before: [number, number, number][] = [
    [100, 0, 0],
    [105, 0, 0],
    [102, 0, 0],
    [101, 0, 0],
  ];

  test('on the source is the most over what was there; the program is not part of it', () => {
    const source = looks([...before, [150, 10, 900], [130, 20, 900], [100, 0, 0]]);
    const target = looks([...before, [110, 500, 0], [110, 400, 600], [101, 0, 900]]);
    expect(memoryFigures(source, target)).toEqual({ sourceExtra: 60, targetPeak: 1_010 });
  });

  test('is not known of a watch that has seen no move', () => {
    expect(memoryFigures([], [])).toBeNull();
    expect(memoryFigures(looks(before), looks(before))).toBeNull();
  });
});
