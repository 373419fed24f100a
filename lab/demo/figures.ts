import type { Migration } from '../../core/migration.ts';
import type { ClientEnd } from './client/report.ts';

/** The middle of some numbers; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (Number.isInteger(middle)) return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
  return sorted[Math.floor(middle)] ?? NaN;
}

/** One move, as it was recorded and as the client saw it. */
export interface Move {
  migration: Migration;
  /** The client's longest silence in it, milliseconds. */
  gapMs: number;
}

/** The line of `--json`. Milliseconds; null is what was not measured. */
export interface DemoFigures {
  migrations: number;
  succeeded: number;
  clientGapMs: { p50: number | null; max: number | null };
  frozenMs: { p50: number | null; max: number | null };
  bareMs: number | null;
  gapOverBare: number | null;
  requests: number;
  errors: number;
  connections: { opened: number; kept: number };
}

/** Gaps and freezes are those of moves that succeeded. `attempted` counts moves that the API refused, too. */
export function demoFigures(
  attempted: number,
  moves: readonly Move[],
  client: ClientEnd | null,
  bareMs: number | null,
): DemoFigures {
  const succeeded = moves.filter(({ migration }) => migration.state === 'succeeded');
  const clientGapMs = spread(succeeded.map(({ gapMs }) => gapMs));
  const frozenMs = spread(succeeded.flatMap(({ migration }) => migration.frozenMs ?? []));
  return {
    migrations: attempted,
    succeeded: succeeded.length,
    clientGapMs,
    frozenMs,
    bareMs: bareMs === null ? null : round(bareMs, 1),
    gapOverBare: bareMs === null || clientGapMs.p50 === null ? null : round(clientGapMs.p50 / bareMs, 2),
    requests: client?.requests ?? 0,
    errors: client?.errors ?? 0,
    connections: client?.connections ?? { opened: 0, kept: 0 },
  };
}

/** Whether all went as it should: every move, every connection, every answer. */
export function isGood({
  migrations,
  succeeded,
  connections,
  errors,
  requests,
  bareMs,
}: DemoFigures): boolean {
  const kept = connections.opened > 0 && connections.kept === connections.opened;
  return (
    migrations > 0 && succeeded === migrations && kept && errors === 0 && requests > 0 && bareMs !== null
  );
}

function spread(numbers: readonly number[]): { p50: number | null; max: number | null } {
  if (numbers.length === 0) return { p50: null, max: null };
  return { p50: round(median(numbers), 1), max: round(Math.max(...numbers), 1) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
