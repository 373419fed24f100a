import { describe, expect, it } from 'vitest';
import { type Counters, resolutionFor, sampleBetween } from './metrics.ts';

const first: Counters = {
  atMs: 1_000,
  cpuSeconds: 100,
  receivedBytes: 5_000,
  sentBytes: 50_000,
  memoryBytes: 7,
  diskBytes: 8,
};

describe('sampleBetween', () => {
  it('is a rate for what grows, and an amount for what is', () => {
    const then = {
      ...first,
      atMs: 11_000,
      cpuSeconds: 105,
      receivedBytes: 6_000,
      sentBytes: 50_000,
      memoryBytes: 70,
    };
    expect(sampleBetween(first, then)).toEqual({
      cpus: 0.5,
      memoryBytes: 70,
      diskBytes: 8,
      receivedBytesPerSecond: 100,
      sentBytesPerSecond: 0,
    });
  });

  it('counts from zero what has begun anew, and divides nothing by no time', () => {
    const again = { ...first, atMs: 11_000, cpuSeconds: 2, receivedBytes: 100 };
    expect(sampleBetween(first, again)).toMatchObject({ cpus: 0.2, receivedBytesPerSecond: 10 });
    expect(sampleBetween(first, { ...first, cpuSeconds: 200 }).cpus).toBe(0);
  });
});

it.each([
  [60, 10],
  [3_600, 10],
  [3_601, 60],
  [6 * 3_600, 60],
  [86_400, 600],
  [1e9, 600],
])('a look %i s back has a sample every %i s', (back, seconds) => {
  expect(resolutionFor(back)).toBe(seconds);
});
