import type { Schemas } from '../../../client/createClient.ts';
import { FINAL_MIGRATION_STATES } from '../../../core/migration.ts';
import { formatBytes } from '../../../core/memorySize.ts';
import { formatDuration } from '../format/numbers.ts';

type Move = Schemas['Migration'];

/** Bytes of a page of memory. */
const PAGE = 4_096;

export function hasEnded({ state }: Pick<Move, 'state'>): boolean {
  return FINAL_MIGRATION_STATES.includes(state);
}

/** Whether stopping it may still be asked for: past the commit point nothing can be undone. */
export function canAbort({ state }: Pick<Move, 'state'>): boolean {
  return !hasEnded({ state }) && state !== 'releasing';
}

/** What was asked for besides the move itself, in words. */
export function askedFor({ maxDowntimeMs, bandwidthMbit, dryRun }: Move): string[] {
  return [
    dryRun ? 'dry run: nothing is moved' : null,
    maxDowntimeMs === null ? null : `at most ${formatDuration(maxDowntimeMs)} frozen`,
    bandwidthMbit === null ? null : `at most ${String(bandwidthMbit)} Mbit/s`,
  ].filter((words) => words !== null);
}

/** The memory that there was to copy, bytes; null when no round has looked at it. */
export function memoryBytes({ rounds }: Pick<Move, 'rounds'>): number | null {
  const looked = Math.max(0, ...rounds.map(({ lookedPages }) => lookedPages));
  return looked === 0 ? null : looked * PAGE;
}

/** What has been sent so far, bytes: the record has the sum only once it has ended. */
export function sentBytes(move: Pick<Move, 'state' | 'wireBytes' | 'rounds' | 'progress'>): number {
  if (hasEnded(move)) return move.wireBytes;
  const { rounds, progress } = move;
  const under = progress && !rounds.some(({ round }) => round === progress.round) ? progress.wireBytes : 0;
  return rounds.reduce((sum, { wireBytes }) => sum + wireBytes, under);
}

/** Why there is no frozen time, in a word or two. */
export function whyNotFrozen(move: Move): string {
  if (move.dryRun) return 'dry run';
  return hasEnded(move) ? 'not switched' : 'not yet';
}

export interface Comparison {
  what: string;
  predicted: number;
  actual: number | null;
  format: (value: number) => string;
}

/** What was expected before the switch, beside what it came to; none without an expectation. */
export function comparisonsOf({ predicted, frozenMs, wireBytes, totalMs, dryRun }: Move): Comparison[] {
  if (!predicted) return [];
  const sent = totalMs === null || dryRun ? null : wireBytes;
  return [
    { what: 'Frozen', predicted: predicted.freezeMs, actual: frozenMs, format: formatDuration },
    { what: 'On the wire', predicted: predicted.wireBytes, actual: sent, format: formatBytes },
    {
      what: 'Total',
      predicted: predicted.totalMs,
      actual: dryRun ? null : totalMs,
      format: formatDuration,
    },
  ];
}

const TRACKERS: Record<string, string> = {
  'soft-dirty': 'The kernel marks pages that were written to',
  'write-protect': 'Pages are write-protected, and the kernel names those written to',
  content: 'Pages are compared by a hash of their content',
};

/** How changed pages are found, in words. */
export function trackerWords(tracker: string): string {
  return TRACKERS[tracker] ?? tracker;
}

/** How the memory comes back on the target, in words. */
export function restoreWords(mode: 'lazy' | 'eager'): string {
  return mode === 'lazy'
    ? 'Lazily: the compute resumes first, its memory is put in place while it runs'
    : 'Eagerly: all of the memory is in place before the compute resumes';
}

/** The address of a move's workflow in Temporal's own pages; null where it cannot be looked at. */
export function temporalHref(
  base: string | null | undefined,
  { workflowId, runId }: Pick<Move, 'workflowId' | 'runId'>,
): string | null {
  if (!base || runId === '') return null;
  return `${base}/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}`;
}
