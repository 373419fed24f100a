import type { Schemas } from '../client/createClient.ts';
import { HOT_PHASES } from '../core/migration.ts';
import { formatMs } from './output.ts';

const BAR_WIDTH = 40;

/** A move's phases, one line each: name, duration, and those of the hot window with a bar on its time axis. */
export function phaseLines(phases: Schemas['Migration']['phases'], width = BAR_WIDTH): string[] {
  if (phases.length === 0) return [];
  const spans = phases.map(({ name, startedAt, ms }) => ({ name, from: Date.parse(startedAt), ms }));
  const hot = spans.filter(({ name }) => HOT_PHASES.includes(name));
  const start = Math.min(...hot.map(({ from }) => from));
  const end = Math.max(...hot.map(({ from, ms }) => from + ms));
  const scale = width / Math.max(1, end - start);
  const nameWidth = Math.max(...spans.map(({ name }) => name.length));
  return spans.map(({ name, from, ms }) => {
    const label = `  ${name.padEnd(nameWidth)}  ${formatMs(ms).padStart(9)}`;
    if (!HOT_PHASES.includes(name)) return label;
    const left = Math.min(width - 1, Math.floor((from - start) * scale));
    const length = Math.max(1, Math.min(width - left, Math.round(ms * scale)));
    const bar = `${' '.repeat(left)}${'█'.repeat(length)}`.padEnd(width);
    return `${label}  ${bar}`.trimEnd();
  });
}

/** One line on how a move stands. */
export function summary({ compute, source, target, state, reason }: Schemas['Migration']): string {
  return `${compute.name}: ${source.name} -> ${target.name}, ${state}${reason === '' ? '' : `: ${reason}`}`;
}
