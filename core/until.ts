import { DrayageError } from './cause.ts';

/** Time between two looks, milliseconds. */
const INTERVAL_MS = 25;

/**
 * Looks until `look` gives something other than undefined or false, and returns that.
 * For what has no event to wait on (a socket file of another program, a loop device's release).
 * Throws a DrayageError `timedOut` after `timeoutMs`; `what` completes the sentence "Waited N s for".
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  intervalMs = INTERVAL_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() >= deadline) {
      throw new DrayageError({
        code: 'timedOut',
        message: `Waited ${timeoutMs / 1000} s for ${what}.`,
        mend: '',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
