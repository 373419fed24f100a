import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatCpus, formatDuration, formatRate, formatShare } from './numbers.ts';
import { formatRelative } from './times.ts';

describe('numbers', () => {
  it.each([
    [formatCount(12_345), '12,345'],
    [formatBytes(1_572_864), '1.5 MiB'],
    [formatRate(1_572_864.4), '1.5 MiB/s'],
    [formatShare(0.424), '42 %'],
    [formatCpus(0.25), '0.25'],
    [formatCpus(4), '4'],
    [formatCpus(1 / 3), '0.33'],
  ])('%s is %s', (text, expected) => {
    expect(text).toBe(expected);
  });
});

describe('durations', () => {
  it.each([
    [0, '0.0 ms'],
    [97.14, '97.1 ms'],
    [99.96, '100 ms'],
    [999.4, '999 ms'],
    [2_449, '2.4 s'],
    [99_949, '99.9 s'],
    [99_950, '1 min 40 s'],
    [120_000, '2 min'],
    [185_400, '3 min 5 s'],
    [3_600_000, '1 h'],
    [3_661_000, '1 h 1 min'],
    [93_600_000, '1 d 2 h'],
  ])('%f ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('times', () => {
  const now = Date.parse('2026-05-05T12:00:00Z');
  it.each([
    [0, 'now'],
    [-4, 'now'],
    [4, 'now'],
    [-12, '12 sec. ago'],
    [-59.9, '59 sec. ago'],
    [-60, '1 min. ago'],
    [-3_599, '59 min. ago'],
    [-7_200, '2 hr. ago'],
    [-86_400, 'yesterday'],
    [-400_000, '4 days ago'],
    [10_800, 'in 3 hr.'],
  ])('%f s from now is %s', (seconds, text) => {
    expect(formatRelative(new Date(now + seconds * 1_000).toISOString(), now)).toBe(text);
  });
});
