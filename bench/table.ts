import { spread, verdictOf, type Figure, type Verdict } from './figures.ts';
import { sumsOf } from './recipes.ts';
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
  '(max)',
  'p99 before',
  'p99 after',
  '(max)',
  'wire MB',
  'counted MB',
  'total s',
  'tracker',
];

/** One row for each link, workload and contender: medians of the moves that succeeded. First moves have rows of their own. */
export function movesTable(samples: readonly Sample[]): string[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.link}\0${sample.workload}\0${byWhom(sample)}`;
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

function byWhom(sample: Sample): string {
  if (sample.kind === 'bare') return 'bare';
  if (sample.first) return `${sample.contender}, first move`;
  return sample.fresh ? `${sample.contender}, fresh program` : sample.contender;
}

function moveCells(moves: readonly MoveSample[]): string[] {
  const good = moves.filter(({ succeeded }) => succeeded);
  const all = <T>(of: (move: MoveSample) => T) => good.map(of);
  const gap = spread(all(({ gapMs }) => gapMs));
  const kept = good.reduce((sum, { connections, lost }) => sum + connections - lost, 0);
  const opened = good.reduce((sum, { connections }) => sum + connections, 0);
  const frozen = all(({ frozenMs }) => frozenMs);
  const after = all(({ p99AfterMs }) => p99AfterMs);
  return [
    `${good.length}/${moves.length}`,
    `${kept}/${opened}${kept < opened ? ' lost' : ''}`,
    gap === null ? '-' : gap.median.toFixed(0),
    gap === null ? '' : `(${gap.min.toFixed(0)}-${gap.max.toFixed(0)})`,
    ...[middle(frozen, 0), most(frozen, 0)],
    middle(
      all(({ p99BeforeMs }) => p99BeforeMs),
      1,
    ),
    ...[middle(after, 1), most(after, 1)],
    middle(
      all(({ wireBytes }) => wireBytes && wireBytes / MB),
      1,
    ),
    middle(
      all(({ countedBytes }) => countedBytes / MB),
      1,
    ),
    middle(
      all(({ totalMs }) => totalMs / 1_000),
      1,
    ),
    [...new Set(all(({ tracker }) => tracker ?? '-'))].join(', '),
  ];
}

function bareCells(samples: readonly BareSample[]): string[] {
  const good = samples.filter(({ reason }) => reason === '');
  const sum = spread(good.flatMap(sumsOf));
  return [
    good.length < samples.length ? `${good.length}/${samples.length}` : '',
    '',
    sum === null ? '-' : sum.median.toFixed(0),
    sum === null ? '' : `(${sum.min.toFixed(0)}-${sum.max.toFixed(0)})`,
  ];
}

function most(values: readonly (number | null)[], digits: number): string {
  const max = spread(values.filter((value) => value !== null))?.max;
  return max === undefined ? '' : `(${max.toFixed(digits)})`;
}

function middle(values: readonly (number | null)[], digits: number): string {
  return spread(values.filter((value) => value !== null))?.median.toFixed(digits) ?? '-';
}

/** Why moves did not succeed, each reason once, with how often. */
export function failureLines(samples: readonly Sample[]): string[] {
  const counts = new Map<string, number>();
  for (const one of samples) {
    if (one.reason === '') continue;
    const line = `${one.link} ${one.workload} ${byWhom(one)}: ${one.reason.trim()}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts].map(([line, count]) => (count === 1 ? line : `${line} (${count} times)`));
}

const VERDICTS: Record<Verdict, string> = {
  met: 'ok',
  notMet: 'NOT MET',
  incomplete: 'NOT TAKEN IN FULL',
  notTaken: 'not taken',
};

/** One line for each figure, and below it what it was made of and the moves that it lacks. */
export function figureLines(figures: readonly Figure[]): string[] {
  return figures.flatMap((figure) => {
    const { name, value } = figure;
    const failed = Object.entries(figure.failed).map(
      ([what, count]) => `    failed: ${what}, ${count} times`,
    );
    return [
      `${name.padEnd(28)} ${(value === null ? '-' : shorten(value)).padStart(8)}  (${wantedOf(figure)})  ${VERDICTS[verdictOf(figure)]}`,
      ...Object.keys(figure.parts).map((link) => `    ${partsOf(figure, link)}`),
      ...failed,
    ];
  });
}

/** What the figures say of the run as a whole; `good` when each that the plan has was taken in full and is met. */
export function conclude(figures: readonly Figure[]): { good: boolean; lines: string[] } {
  const of = (verdict: Verdict) => figures.filter((figure) => verdictOf(figure) === verdict);
  const tell = (title: string) => (figure: Figure) => {
    const links = Object.keys(figure.parts).map((link) => partsOf(figure, link));
    const failed = Object.entries(figure.failed).map(([what, count]) => `failed: ${what} (${count})`);
    const value = figure.value === null ? '-' : shorten(figure.value);
    return `${title}: ${figure.name} ${value} (${wantedOf(figure)}); ${[...links, ...failed].join('; ')}`;
  };
  const bad = [
    ...of('notMet').map(tell('Not met')),
    ...of('incomplete').map(tell('Could not be taken in full')),
  ];
  const without = of('notTaken').map(({ name }) => name);
  const met = `${of('met').length} figures met, ${of('notMet').length} not met, ${of('incomplete').length} not taken in full.`;
  const rest =
    without.length > 0 ? [`Not taken, for the plan has not all of it: ${without.join(', ')}.`] : [];
  return { good: bad.length === 0, lines: [...bad, ...rest, met] };
}

function wantedOf({ atMost, atLeast }: Figure): string {
  return atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
}

function partsOf({ parts }: Figure, link: string): string {
  const words = Object.entries(parts[link] ?? {}).map(([part, number]) => `${part} ${shorten(number)}`);
  return `${link}: ${words.join(', ') || 'nothing'}`;
}

/** Three digits that count, or all of a big number. */
function shorten(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
