import type { Outcome } from './contender.ts';
import type { ReadyCopy } from './copy.ts';
import { StepClock } from './stepClock.ts';

/** A move whose steps are commands, with the account that such a procedure gives of itself: their times, and no more. */
export async function moveByHand(
  copy: ReadyCopy,
  steps: (clock: StepClock) => Promise<unknown>,
): Promise<Outcome> {
  const clock = new StepClock();
  let reason = '';
  try {
    await steps(clock);
  } catch (error) {
    reason = (error as Error).message;
  } finally {
    await copy.end();
  }
  const unknown = { frozenMs: null, wireBytes: null, tracker: null, restore: null, rounds: 0 };
  return { succeeded: reason === '', reason, steps: clock.steps, totalMs: clock.totalMs, ...unknown };
}
