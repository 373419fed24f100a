import { describe, expect, test } from 'vitest';
import { figures, holds, spread, type Figure } from './figures.ts';
import type { Sample } from './sample.ts';
import { bareSample, moveSample } from './testSamples.ts';

function figure(name: string, samples: Sample[]): Figure {
  const found = figures(samples).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no figure ${name}`);
  return found;
}

describe('figures', () => {
  test('have the names that CONTRACT gives, measured or not', () => {
    const made = figures([]);
    expect(made.map(({ name }) => name)).toEqual([
      'gapIdleOverBare',
      'gap256OverIdle',
      'gap1024OverIdle',
      'gapOverPodman',
      'gapOverDockerCheckpoint',
      'throughputDuringRounds',
      'wireOverMemoryCompressible',
      'wireOverMemoryRandom',
      'totalOverLinkTime',
      'sourceExtraMemoryMb',
      'residentAfterOverBefore',
    ]);
    expect(made.map(holds)).toEqual(made.map(() => null));
  });

  test('of a gap are medians over medians, with what they were made of', () => {
    const gaps = [100, 300, 130].map((gapMs) => moveSample({ gapMs }));
    const made = figure('gapIdleOverBare', [
      ...gaps,
      bareSample([
        [50, 50],
        [60, 60],
        [40, 40],
      ]),
    ]);
    expect(made.value).toBeCloseTo(1.3);
    expect(made.atMost).toBe(1.3);
    expect(made.parts['unshaped']).toEqual({ gapMs: 130, bareMs: 100, value: 1.3 });
    expect(made.samples['unshaped']).toEqual({ gapMs: [100, 300, 130], bareMs: [100, 120, 80] });
  });

  test('are those of the worst of the links on which they have to hold', () => {
    const on = (link: string, gapMs: number) => [
      moveSample({ link, gapMs: 100 }),
      moveSample({ link, workload: '256mb', gapMs }),
    ];
    const made = figure('gap256OverIdle', [
      ...on('unshaped', 110),
      ...on('1gbit', 150),
      ...on('100mbit', 900),
    ]);
    expect(made.value).toBe(1.5);
    expect(Object.keys(made.parts)).toEqual(['unshaped', '1gbit']);
    expect(holds(made)).toBe(false);
  });

  test('with a least value take the least', () => {
    const on = (link: string, workDuringRounds: number) =>
      moveSample({ link, workload: 'work', workBefore: 100, workDuringRounds });
    const made = figure('throughputDuringRounds', [on('unshaped', 95), on('1gbit', 91)]);
    expect(made.value).toBe(0.91);
    expect(holds(made)).toBe(true);
  });

  test('leave out moves that did not succeed', () => {
    const failed = moveSample({ workload: '256mb', gapMs: 1, succeeded: false });
    const made = figure('gapOverPodman', [
      failed,
      moveSample({ workload: '256mb', gapMs: 400 }),
      moveSample({ workload: '256mb', contender: 'podman', gapMs: 4_000 }),
    ]);
    expect(made.value).toBe(0.1);
    expect(made.samples['unshaped']?.['gapMs']).toEqual([400]);
  });

  test('of the link time count from the first round to the end of the hand-over', () => {
    const steps = [
      { name: 'preflight', startedAt: 0, ms: 300 },
      { name: 'prepare', startedAt: 300, ms: 700 },
      { name: 'precopy', startedAt: 1_000, ms: 4_000 },
      { name: 'handOver', startedAt: 5_400, ms: 100 },
      { name: 'release', startedAt: 5_600, ms: 250 },
    ];
    const made = figure('totalOverLinkTime', [
      moveSample({ link: '1gbit', workload: 'linkTime', wireBytes: 500_000_000, steps }),
    ]);
    expect(made.value).toBe(1.125);
    expect(made.parts['1gbit']).toEqual({
      sendingMs: 4_500,
      linkMs: 4_000,
      preparationMs: 1_000,
      releaseMs: 250,
      value: 1.125,
    });
  });
});

test('a spread is of something', () => {
  expect(spread([])).toBeNull();
  expect(spread([3, 1, 2, 10])).toEqual({ median: 2.5, min: 1, max: 10 });
});
