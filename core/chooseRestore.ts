export const RestoreMode = { lazy: 'lazy', eager: 'eager' } as const;
/** `lazy`: the target resumes first and its memory is filled in after; `eager`: all memory is in place before it resumes. */
export type RestoreMode = (typeof RestoreMode)[keyof typeof RestoreMode];

/**
 * Lazily restored processes share no memory any more. Up to this factor of what they take today that is accepted: the
 * bound that the project promises for a compute's resident memory after a move.
 */
export const SHARING_BOUND = 1.2;

export interface RestoreFacts {
  /** Anonymous memory of all processes, each counted whole, bytes (Anonymous of smaps_rollup). */
  anonymousBytes: number;
  /** The same, shared pages counted once (Pss_Anon), bytes. */
  onceBytes: number;
  /** The target has the helper that fills a running compute's memory. */
  pager: boolean;
  /** The source has the library that keeps this memory out of CRIU's dump. */
  hides: boolean;
}

/** How a compute's memory is restored. */
export function chooseRestore({ anonymousBytes, onceBytes, pager, hides }: RestoreFacts): {
  action: RestoreMode;
  reason: string;
} {
  if (!pager)
    return {
      action: 'eager',
      reason: 'the target lacks the helper that fills in the memory of running processes (memory-target)',
    };
  if (!hides)
    return {
      action: 'eager',
      reason: "the source lacks the library that keeps memory out of CRIU's dump (criu-hide.so)",
    };
  const factor = onceBytes > 0 ? anonymousBytes / onceBytes : 1;
  if (factor > SHARING_BOUND)
    return {
      action: 'eager',
      reason: `its processes share memory: restored lazily they would take ${factor.toFixed(1)} times as much, more than ${SHARING_BOUND}`,
    };
  return {
    action: 'lazy',
    reason: 'its processes share little memory, so it can resume before all of it is there',
  };
}
