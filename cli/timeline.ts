import type { Migration, Phase } from '../core/migration.ts';
import { formatMs } from './output.ts';

const BAR_WIDTH = 40;

/** A move's phases, one line each: name, duration, and a bar on the move's time axis. */
export function phaseLines(phases: Phase[], width = BAR_WIDTH): string[] {
  if (phases.length === 0) return [];
  const spans = phases.map(({ name, startedAt, ms }) => ({ name, from: Date.parse(startedAt), ms }));
  const start = Math.min(...spans.map(({ from }) => from));
  const end = Math.max(...spans.map(({ from, ms }) => from + ms));
  const scale = width / Math.max(1, end - start);
  const nameWidth = Math.max(...spans.map(({ name }) => name.length));
  return spans.map(({ name, from, ms }) => {
    const left = Math.min(width - 1, Math.floor((from - start) * scale));
    const length = Math.max(1, Math.min(width - left, Math.round(ms * scale)));
    const bar = `${' '.repeat(left)}${'█'.repeat(length)}`.padEnd(width);
    return `  ${name.padEnd(nameWidth)}  ${formatMs(ms).padStart(9)}  ${bar}`.trimEnd();
  });
}

/** One line on how a move stands. */
export function summary({ compute, source, target, state, reason }: Migration): string {
  return `${compute.name}: ${source.name} -> ${target.name}, ${state}${reason === '' ? '' : `: ${reason}`}`;
}
