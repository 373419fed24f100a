import { holds, spread, type Figure } from './figures.ts';
import type { BareSample, MoveSample, Sample } from './sample.ts';

const MB = 1_000_000;

/** Rows as text, columns lined up; the first row is the heading. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, index) => (index < 3 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

const HEADING = [
  'link',
  'workload',
  'by',
  'moved',
  'kept',
  'gap ms',
  '(min-max)',
  'frozen ms',
  'p99 before',
  'p99 after',
  'wire MB',
  'counted MB',
  'total s',
];

/** One row for each link, workload and contender: medians. */
export function movesTable(samples: readonly Sample[]): string[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const by = sample.kind === 'move' ? sample.contender : 'bare';
    const key = `${sample.link}\0${sample.workload}\0${by}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  const rows = [...groups].map(([key, group]) => {
    const bare = group.filter((one) => one.kind === 'bare');
    return [
      ...key.split('\0'),
      ...(bare.length > 0 ? bareCells(bare) : moveCells(group.filter((one) => one.kind === 'move'))),
    ];
  });
  return alignColumns([HEADING, ...rows]);
}

function moveCells(moves: readonly MoveSample[]): string[] {
  const good = moves.filter(({ succeeded }) => succeeded);
  const gap = spread(good.map(({ gapMs }) => gapMs));
  const kept = good.reduce((sum, { connections, lost }) => sum + connections - lost, 0);
  const opened = good.reduce((sum, { connections }) => sum + connections, 0);
  return [
    `${good.length}/${moves.length}`,
    `${kept}/${opened}${kept < opened ? ' lost' : ''}`,
    gap === null ? '-' : gap.median.toFixed(0),
    gap === null ? '' : `(${gap.min.toFixed(0)}-${gap.max.toFixed(0)})`,
    middle(
      good.map(({ frozenMs }) => frozenMs),
      0,
    ),
    middle(
      good.map(({ p99BeforeMs }) => p99BeforeMs),
      1,
    ),
    middle(
      good.map(({ p99AfterMs }) => p99AfterMs),
      1,
    ),
    middle(
      good.map(({ wireBytes }) => wireBytes && wireBytes / MB),
      1,
    ),
    middle(
      good.map(({ countedBytes }) => countedBytes / MB),
      1,
    ),
    middle(
      good.map(({ totalMs }) => totalMs / 1_000),
      1,
    ),
  ];
}

function bareCells(samples: readonly BareSample[]): string[] {
  const sums = samples.flatMap(({ turns }) => turns.map((turn) => turn.checkpointMs + turn.restoreMs));
  const sum = spread(sums);
  return [
    '',
    '',
    sum === null ? '-' : sum.median.toFixed(0),
    sum === null ? '' : `(${sum.min.toFixed(0)}-${sum.max.toFixed(0)})`,
  ];
}

function middle(values: readonly (number | null)[], digits: number): string {
  return spread(values.filter((value) => value !== null))?.median.toFixed(digits) ?? '-';
}

/** Why moves did not succeed, each reason once, with how often. */
export function failureLines(samples: readonly Sample[]): string[] {
  const counts = new Map<string, number>();
  for (const one of samples) {
    if (one.kind === 'bare' || one.succeeded) continue;
    const line = `${one.link} ${one.workload} ${one.contender}: ${one.reason}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts].map(([line, count]) => (count === 1 ? line : `${line} (${count} times)`));
}

/** One line for each figure, its parts below it. */
export function figureLines(figures: readonly Figure[]): string[] {
  return figures.flatMap((figure) => {
    const { name, value, atMost, atLeast } = figure;
    const wanted = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
    const verdict = { true: 'ok', false: 'NOT MET', null: 'not measured' }[`${holds(figure)}`];
    const parts = Object.entries(figure.parts).map(([link, numbers]) => {
      const words = Object.entries(numbers).map(([part, number]) => `${part} ${shorten(number)}`);
      return `    ${link}: ${words.join(', ')}`;
    });
    return [
      `${name.padEnd(28)} ${(value === null ? '-' : shorten(value)).padStart(8)}  (${wanted})  ${verdict}`,
      ...parts,
    ];
  });
}

/** Three digits that count, or all of a big number. */
function shorten(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
