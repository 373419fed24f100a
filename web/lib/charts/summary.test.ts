import { expect, it } from 'vitest';
import { chartSummary } from './summary.ts';

const format = (value: number) => `${String(value)} B`;

it('says what is now, and between what it was', () => {
  const series = [
    { label: 'In', values: [1, null, 5, 3] },
    { label: 'Out', values: [2, 2, 2, null] },
    { label: 'Lost', values: [null, null, null, null] },
  ];
  expect(chartSummary([0, 60, 120, 180], series, format)).toBe(
    'In the last 3 min: In: 3 B now, 1 B to 5 B; Out: 2 B now, 2 B to 2 B.',
  );
});

it('says so when there is nothing', () => {
  expect(chartSummary([], [{ label: 'In', values: [] }], format)).toBe('Nothing is known yet.');
});
