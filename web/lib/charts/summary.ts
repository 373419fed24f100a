import { formatDuration } from '../format/numbers.ts';

/** One line of a chart; null where nothing is known. */
export interface Series {
  label: string;
  values: readonly (number | null)[];
}

/** A chart in words, for who does not see it. `times` in seconds. */
export function chartSummary(
  times: readonly number[],
  series: readonly Series[],
  format: (value: number) => string,
): string {
  const span = ((times.at(-1) ?? 0) - (times[0] ?? 0)) * 1_000;
  const said = series.flatMap(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    const last = known.at(-1);
    if (last === undefined) return [];
    const least = known.reduce((one, other) => Math.min(one, other));
    const most = known.reduce((one, other) => Math.max(one, other));
    return [`${label}: ${format(last)} now, ${format(least)} to ${format(most)}`];
  });
  if (said.length === 0) return 'Nothing is known yet.';
  return `In the last ${formatDuration(span)}: ${said.join('; ')}.`;
}
