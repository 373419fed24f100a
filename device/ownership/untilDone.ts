import { setTimeout as pause } from 'node:timers/promises';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/**
 * Repeats a step that has no alternative (a thaw, an opening past the commit point, a discard) until it succeeds. The step
 * must be idempotent. `onFailure` hears of each failure.
 */
export async function untilDone(
  step: () => Promise<unknown>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      await step();
      return;
    } catch (error) {
      onFailure(error);
      await pause(wait);
    }
  }
}
