/**
 * How the page hears of what happens: `connecting` at first; `online`; `stale` for a moment, while it connects again and what
 * is shown may be old; `offline` when that has failed for a while.
 */
export type Link = 'connecting' | 'online' | 'stale' | 'offline';

/** Failures in a row that are a moment: with the waits below, some four seconds. */
const MOMENT_FAILURES = 4;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

/** What to show after so many failures to connect in a row; none: the stream has only ended, as it does every ten minutes. */
export function linkAfter(failures: number): Link {
  if (failures === 0) return 'online';
  return failures <= MOMENT_FAILURES ? 'stale' : 'offline';
}

/** How long to wait before it is tried again; `random` (0 to 1) keeps many pages from coming back all at once. */
export function waitAfter(failures: number, random: number): number {
  const most = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
  return most / 2 + (most / 2) * random;
}
