import type { RestartPolicy } from './compute.ts';

/** Waits before a restart, milliseconds: the first, doubled each time up to the longest. */
export const RESTART_DELAY_MS = { first: 100, longest: 60_000 };

/** A program that ran this long counts as healthy: its next end is the first in a row again. Milliseconds. */
export const HEALTHY_AFTER_MS = 10_000;

export interface EndedCompute {
  policy: RestartPolicy;
  exitCode: number;
  /** How long it ran, milliseconds. */
  ranMs: number;
  /** Somebody asked it to end. */
  requested: boolean;
  /** Restarts in a row before this end, each after a run shorter than HEALTHY_AFTER_MS. */
  restarts: number;
}

export type RestartDecision =
  | { action: 'restart'; delayMs: number; restarts: number; reason: string }
  | { action: 'leave'; reason: string };

/** Whether a compute that ended is started again, and when. `restarts` of the answer is the count for its next end. */
export function decideRestart({
  policy,
  exitCode,
  ranMs,
  requested,
  restarts,
}: EndedCompute): RestartDecision {
  if (requested) return { action: 'leave', reason: 'it was stopped on request' };
  if (policy.name === 'no') return { action: 'leave', reason: 'its restart policy is "no"' };
  if (policy.name === 'on-failure' && exitCode === 0) {
    return { action: 'leave', reason: 'it ended without failure (exit code 0)' };
  }
  const before = ranMs >= HEALTHY_AFTER_MS ? 0 : restarts;
  if (policy.name === 'on-failure' && policy.maximumRetries > 0 && before >= policy.maximumRetries) {
    return {
      action: 'leave',
      reason: `it failed again after ${before} restarts, the most its policy allows`,
    };
  }
  const delayMs = Math.min(RESTART_DELAY_MS.first * 2 ** Math.min(before, 30), RESTART_DELAY_MS.longest);
  return {
    action: 'restart',
    delayMs,
    restarts: before + 1,
    reason: `it ended with exit code ${exitCode}; its restart policy is "${policy.name}"`,
  };
}
