import { quantile } from '../client/latencies.ts';
import { alignColumns } from '../table.ts';
import { costsOf, isMet, movesPerMinute, per100, type ScaleFigure } from './scaleFigures.ts';
import type { Step, Watched } from './step.ts';

const MB = 1e6;
/** Of a statement's text, characters. */
const SHOWN = 400;

/** A row for each process and number of devices: what it used, idle and while moves were made, and what that is for 100 devices. */
export function scaleTable(steps: readonly Step[]): string[] {
  const heading = ['devices', 'process', 'while', 'CPU s', '% of a core', '% per 100', 'MB', 'MB per 100'];
  const rowsOf = (devices: number, during: string, watched: Watched) =>
    Object.entries(watched.parts).map(([name, use]) => {
      const each = per100(devices, watched, name);
      const share = (use.cpuSeconds / watched.seconds) * 100;
      return [
        ...[String(devices), name, during, use.cpuSeconds.toFixed(1), share.toFixed(0)],
        ...[each.cpuPercent.toFixed(1), (use.memoryBytes / MB).toFixed(0)],
        (each.memoryBytes / MB).toFixed(0),
      ];
    });
  const rows = steps.flatMap(({ devices, idle, moving, emptying }) => [
    ...rowsOf(devices, 'idle', idle),
    ...rowsOf(devices, 'moving', moving),
    ...(emptying ? rowsOf(devices, 'emptying', emptying) : []),
  ]);
  return alignColumns([heading, ...rows]);
}

/** Lines about one step: moves, starts, reads, growth, evacuations. */
export function stepLines(step: Step): string[] {
  const { devices, computes, idle, moving, emptying } = step;
  const { moves } = moving;
  const costs = costsOf(step);
  const growth = (of: 'postgres' | 'temporal') => (moving.grown[of] / moves.asked / 1000).toFixed(1);
  return [
    `${devices} devices, ${computes} computes:`,
    `  moves: ${moves.succeeded} of ${moves.asked} in ${moves.seconds.toFixed(1)} s, ${movesPerMinute(step).toFixed(0)} a minute`,
    `  from request to first phase: ${spread(moves.startMs)}`,
    `  reads of the API: idle ${spread(idle.readsMs)}; while moves were made ${spread(moving.readsMs)}`,
    `  for a move: PostgreSQL grows by ${growth('postgres')} KB, Temporal by ${growth('temporal')} KB`,
    `  for a move, ms of a core: ${Object.keys(moving.parts)
      .map((part) => `${part} ${(costs[`${part}, ms of a core for a move`] ?? 0).toFixed(0)}`)
      .join(', ')}`,
    ...emptyingLines(emptying),
    ...[...new Set([...moves.reasons, ...(emptying?.evacuations.reasons ?? [])])].map(
      (reason) => `  did not end well: ${reason}`,
    ),
  ];
}

function emptyingLines(emptying: Step['emptying']): string[] {
  if (emptying === null) return [];
  const { evacuations, readsMs } = emptying;
  const rate = (evacuations.moved * 60) / evacuations.seconds;
  return [
    `  emptied: ${evacuations.drained} of ${evacuations.asked} devices in ${evacuations.seconds.toFixed(1)} s, ${evacuations.moved} moves, ${rate.toFixed(0)} a minute`,
    `  to plan one: ${spread(evacuations.planMs)}; reads of the API meanwhile ${spread(readsMs)}`,
  ];
}

function spread(ms: readonly number[]): string {
  const at = (share: number) => (quantile(ms, share) ?? NaN).toFixed(0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

/** The slowest statements of a step, each with its plan. */
export function statementLines({ devices, statements }: Step): string[] {
  return statements.flatMap(({ text, calls, totalMs, meanMs, plan }) => [
    `${devices} devices: ${(totalMs / 1000).toFixed(1)} s in ${calls} calls of ${meanMs.toFixed(2)} ms`,
    `  ${text.replaceAll(/\s+/g, ' ').trim().slice(0, SHOWN)}`,
    ...plan.map((line) => `    ${line}`),
  ]);
}

/** A line for each figure: its value, its limit, whether it is met, what it was made of. */
export function figureLines(figures: readonly ScaleFigure[]): string[] {
  return figures.map((figure) => {
    const { name, value, atMost, atLeast, parts } = figure;
    const limit = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
    const made = Object.entries(parts).map(([part, one]) => `${part}: ${one.toFixed(2)}`);
    return `${name} ${value.toFixed(2)} (${limit}): ${isMet(figure) ? 'met' : 'NOT MET'}  [${made.join('; ')}]`;
  });
}
