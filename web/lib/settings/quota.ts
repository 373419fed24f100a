import type { Quota } from '../../../core/quota.ts';
import { formatBytes } from '../../../core/memorySize.ts';
import { formatCount, formatCpus } from '../format/numbers.ts';

const GIB = 2 ** 30;

export interface QuotaPart {
  key: keyof Quota;
  label: string;
  hint: string;
  format: (value: number) => string;
  /** What a figure is multiplied with when it is typed. */
  unit: number;
  whole: boolean;
}

/** What is limited, in the order in which it is shown. */
export const QUOTA_PARTS: readonly QuotaPart[] = [
  { key: 'computes', label: 'Computes', hint: 'How many.', format: formatCount, unit: 1, whole: true },
  {
    ...{ key: 'memoryBytes', label: 'Memory', hint: 'GiB, the sum of the limits of computes.' },
    ...{ format: formatBytes, unit: GIB, whole: false },
  },
  {
    ...{ key: 'cpus', label: 'Processors', hint: 'The sum of the limits of computes.' },
    ...{ format: formatCpus, unit: 1, whole: false },
  },
  {
    ...{ key: 'imageBytes', label: 'Images', hint: 'GiB, the sum of the images.' },
    ...{ format: formatBytes, unit: GIB, whole: false },
  },
];

/** A limit as it is typed: without end is nothing. */
export function typedLimit(value: number | null, { unit }: Pick<QuotaPart, 'unit'>): string {
  return value === null ? '' : String(Number((value / unit).toFixed(3)));
}

/** A typed limit; null: without end; undefined: that is no limit. */
export function readLimit(
  text: string,
  { unit, whole }: Pick<QuotaPart, 'unit' | 'whole'>,
): number | null | undefined {
  const typed = text.trim();
  if (typed === '') return null;
  const value = Number(typed);
  if (!Number.isFinite(value) || value < 0 || (whole && !Number.isInteger(value))) return undefined;
  return unit === 1 ? value : Math.round(value * unit);
}

/** How much of a limit is used, in words. */
export function usedWords(used: number, limit: number | null, { format }: Pick<QuotaPart, 'format'>): string {
  return limit === null ? `${format(used)}, no limit` : `${format(used)} of ${format(limit)}`;
}
