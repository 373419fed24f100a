import type { Schemas } from '../client/createClient.ts';
import { formatBytes } from '../core/memorySize.ts';
import { formatMs } from './output.ts';
import { PLAIN, table } from './table.ts';

const HEAD = ['ROUND', 'PAGES', 'ON THE WIRE', 'TIME', 'CHANGING', 'THEN'];

/** A move's rounds, one line each, with what was decided after it and why. */
export function roundLines(rounds: Schemas['Migration']['rounds']): string[] {
  if (rounds.length === 0) return [];
  const rows = rounds.map(
    ({ round, closing, pages, wireBytes, ms, dirtyPagesPerSecond, decision, reason }) => [
      `${round}${closing ? ' closing' : ''}`,
      String(pages),
      formatBytes(wireBytes),
      formatMs(ms),
      `${Math.round(dirtyPagesPerSecond)} pages/s`,
      `${decision}: ${reason}`,
    ],
  );
  return table(HEAD, rows, PLAIN)
    .split('\n')
    .map((line) => `  ${line}`);
}

/** How far the memory of a move is, one line; null when nothing is known. */
export function progressLine(progress: Schemas['Migration']['progress']): string | null {
  if (progress === null) return null;
  const { round, pages, bytes, bytesPerSecond, expectedFreezeMs } = progress;
  const freeze = expectedFreezeMs === null ? '' : `, a freeze now would take ${formatMs(expectedFreezeMs)}`;
  return `round ${round}: ${pages} pages, ${formatBytes(bytes)}, ${formatBytes(bytesPerSecond)}/s${freeze}`;
}
