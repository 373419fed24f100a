/** The first restart after a quiet time is at once: one crash should cost no more than the start. */
const FIRST_DELAY_MS = 0;
const SECOND_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** A part that ran this long without an end has recovered; its earlier ends count no more. */
export const QUIET_MS = 60_000;
/** Ends before the part was ever ready; more of the same would not make it so. */
export const MOST_FAILED_STARTS = 5;

export interface PartHistory {
  /** When the part ended, in milliseconds of one clock, oldest first; the last is the end that is decided on. */
  ends: readonly number[];
  /** Whether it has ever been ready since the supervisor's start. */
  everReady: boolean;
}

export type PartDecision =
  { action: 'restart'; delayMs: number; reason: string } | { action: 'giveUp'; reason: string };

/** What to do after a part of the control plane ended by itself. */
export function decidePartRestart({ ends, everReady }: PartHistory): PartDecision {
  const inARow = countInARow(ends);
  if (!everReady && inARow >= MOST_FAILED_STARTS) {
    return { action: 'giveUp', reason: `it ended ${inARow} times without ever being ready` };
  }
  const delayMs =
    inARow <= 1 ? FIRST_DELAY_MS : Math.min(SECOND_DELAY_MS * 2 ** (inARow - 2), LONGEST_DELAY_MS);
  return {
    action: 'restart',
    delayMs,
    reason: inARow <= 1 ? 'it had run well' : `end number ${inARow} in a row`,
  };
}

/** How many of the last ends were less than QUIET_MS apart. */
function countInARow(ends: readonly number[]): number {
  let count = Math.min(1, ends.length);
  for (let index = ends.length - 1; index > 0; index--) {
    if (ends[index]! - ends[index - 1]! >= QUIET_MS) break;
    count++;
  }
  return count;
}
