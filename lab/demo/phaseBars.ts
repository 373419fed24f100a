import { PhaseName, type Phase } from '../../core/migration.ts';
import { formatMs } from './formatMs.ts';
import type { Colour, Paint } from './paint.ts';

/** The phases of the hot window, by the names that the record has. */
const HOT_COLOURS: Partial<Record<PhaseName, Colour>> = {
  plug: 'cyan',
  freeze: 'yellow',
  dump: 'blue',
  transfer: 'magenta',
  restore: 'green',
  handOver: 'yellow',
  unplug: 'cyan',
};
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const NAME_WIDTH = Math.max(...Object.values(PhaseName).map((name) => name.length));
const TIME_WIDTH = 9;
const INDENT = '  ';
const LEAST_BAR = 10;

/**
 * A move's phases for a terminal of `width` columns: those of the hot window as bars on one axis of time, in the order
 * of their begin; the others, which clients do not feel, on lines of their own.
 */
export function phaseBars(phases: readonly Phase[], width: number, paint: Paint): string[] {
  const spans = phases.map((phase) => ({ ...phase, from: Date.parse(phase.startedAt) }));
  const hot = spans.filter(({ name }) => HOT_COLOURS[name] !== undefined).sort((a, b) => a.from - b.from);
  const rest = spans.filter(({ name }) => HOT_COLOURS[name] === undefined);
  const start = Math.min(...hot.map(({ from }) => from));
  const end = Math.max(...hot.map(({ from, ms }) => from + ms));
  const cells = Math.max(LEAST_BAR, width - INDENT.length - NAME_WIDTH - TIME_WIDTH - 3);
  const perMs = cells / Math.max(1, end - start);
  const bars = hot.map(({ name, from, ms }) => {
    const { left, bar } = barOf((from - start) * perMs, ms * perMs, cells);
    const painted = paint(bar, HOT_COLOURS[name] ?? 'dim');
    return `${INDENT}${name.padEnd(NAME_WIDTH)} ${formatMs(ms).padStart(TIME_WIDTH)}  ${' '.repeat(left)}${painted}`;
  });
  return [...bars, ...around(rest, width).map((line) => paint(line, 'dim'))];
}

/** A bar from a place on, both in cells; at least an eighth of a cell, and never past the end. */
export function barOf(from: number, length: number, cells: number): { left: number; bar: string } {
  const left = Math.min(Math.floor(from), cells - 1);
  const eighths = Math.min(Math.max(1, Math.round(length * 8)), (cells - left) * 8);
  return { left, bar: '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '') };
}

/** What lies around the hot window, as words broken into lines. */
function around(phases: readonly Phase[], width: number): string[] {
  const lines: string[] = [];
  for (const { name, ms } of phases) {
    const word = `${name} ${formatMs(ms)}`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + word.length <= width)
      lines[lines.length - 1] = `${last}, ${word}`;
    else lines.push(`${INDENT}${lines.length === 0 ? 'around it: ' : ''}${word}`);
  }
  return lines;
}
