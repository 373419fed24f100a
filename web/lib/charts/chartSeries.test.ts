import { describe, expect, it } from 'vitest';
import { chartSeries } from './chartSeries.ts';

describe('chartSeries', () => {
  const zero = { memoryBytes: 0, diskBytes: 0, receivedBytesPerSecond: 0, sentBytesPerSecond: 0 };
  const sample = (second: number, cpus: number) => ({
    ...{ ...zero, cpus, at: new Date(second * 1_000).toISOString() },
  });
  const lines = (samples: [number, number][], to = 120) => {
    const items = samples.map(([second, cpus]) => sample(second, cpus));
    const { times, cpus } = chartSeries({ items, resolutionSeconds: 10 }, { from: 100, to });
    return times.map((time, at) => [time, cpus[at]]);
  };
  it.each<[string, [number, number][], number, unknown]>([
    ['nothing', [], 120, []],
    [
      'samples in a row',
      [
        [110, 1],
        [120, 2],
      ],
      120,
      [
        [100, null],
        [110, 1],
        [120, 2],
      ],
    ],
    [
      'a gap',
      [
        [110, 1],
        [160, 2],
      ],
      160,
      [
        [100, null],
        [110, 1],
        [120, null],
        [160, 2],
      ],
    ],
    [
      'silence until now',
      [[110, 1]],
      200,
      [
        [100, null],
        [110, 1],
        [200, null],
      ],
    ],
  ])('of %s', (_words, samples, to, expected) => {
    expect(lines(samples, to)).toEqual(expected);
  });
});
