import { stripVTControlCharacters, styleText } from 'node:util';

/** Between two columns. */
const GAP = '  ';
/** A column that has to give room keeps so many characters. */
const LEAST = 6;
/** Columns of what somebody has called something: a part of it tells which one it is. All else is of use only as a whole. */
const NAMES = new Set([
  ...['NAME', 'COMPUTE', 'DEVICE', 'IMAGE', 'SOURCE', 'TARGET'],
  ...['HOST', 'USER', 'EMAIL', 'URL', 'TYPES'],
]);

/** Where a table is shown. */
export interface Screen {
  /** Characters of a line; undefined where there is no terminal: everything is written out. */
  columns: number | undefined;
  /** Marks the line of headings. */
  heading: (line: string) => string;
}

/** A table that is a part of something else, or goes elsewhere than to standard output. */
export const PLAIN: Screen = { columns: undefined, heading: (line) => line };

/** Standard output: on a terminal headings are bold, but for NO_COLOR. */
function stdoutScreen(): Screen {
  const { stdout } = process;
  return {
    columns: stdout.isTTY ? stdout.columns : undefined,
    heading: (line) => styleText('bold', line, { stream: stdout }),
  };
}

/**
 * Columns as wide as they need to be. On a terminal that is too narrow those of names give room, the widest first, and what was
 * cut ends with `…`.
 */
export function table(header: string[], rows: string[][], screen = stdoutScreen()): string {
  const lines = [header, ...rows.map((row) => row.map(oneLine))];
  const natural = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const fixed = header.map((name) => !NAMES.has(name));
  const widths = screen.columns === undefined ? natural : narrowed(natural, fixed, screen.columns);
  const [first = '', ...rest] = lines.map((line) =>
    line
      .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  return [screen.heading(first), ...rest].join('\n');
}

/** Takes room from the widest column that is not fixed until the line fits, or all have as little as they keep. */
function narrowed(natural: readonly number[], fixed: readonly boolean[], columns: number): number[] {
  const widths = [...natural];
  const gaps = GAP.length * (widths.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, gaps) - columns;
  for (; excess > 0; excess -= 1) {
    const candidates = widths.map((width, column) => (fixed[column] === true ? 0 : width));
    const widest = Math.max(...candidates);
    if (widest <= LEAST) break;
    widths[candidates.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function cut(cell: string, width: number): string {
  return cell.length <= width ? cell : `${cell.slice(0, width - 1)}…`;
}

/** What somebody has called something stays on its line, and means nothing to a terminal. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}+/gu, ' ');
}
