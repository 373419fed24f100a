import type { ComputeState } from './compute.ts';

/** Longest time that a reader waits for a device that does not answer, milliseconds. */
export const FOLLOW_PATIENCE_MS = 60_000;

export interface FollowedCompute {
  /** Null once it is deleted. */
  state: ComputeState | null;
  /** Its device does not answer, or does not have it (any more). */
  silent: boolean;
  /** For so long. */
  silentMs: number;
}

export interface FollowDecision {
  action: 'again' | 'end';
  reason: string;
}

/** Whether a log whose end has come is followed on: it ends with a program, a device or a move, but a compute may go on. */
export function decideLogFollowing({ state, silent, silentMs }: FollowedCompute): FollowDecision {
  if (state === null) return { action: 'end', reason: 'The compute was deleted.' };
  if (state !== 'running' && state !== 'migrating')
    return { action: 'end', reason: `The compute is ${state}.` };
  if (silent && silentMs >= FOLLOW_PATIENCE_MS)
    return { action: 'end', reason: "The compute's device does not answer." };
  return { action: 'again', reason: 'It runs: it was restarted or moved.' };
}
