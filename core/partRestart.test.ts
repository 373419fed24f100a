import { describe, expect, it } from 'vitest';
import { MOST_FAILED_STARTS, QUIET_MS, decidePartRestart } from './partRestart.ts';

const rapid = (count: number) => Array.from({ length: count }, (_, index) => 1_000 + index * 10);

describe('decidePartRestart', () => {
  it.each([
    { ends: [5], everReady: true, delayMs: 0, why: 'at once after the first end' },
    { ends: rapid(2), everReady: true, delayMs: 200, why: 'a little later after the second' },
    { ends: rapid(5), everReady: true, delayMs: 1_600, why: 'doubling from then on' },
    {
      ends: rapid(50),
      everReady: true,
      delayMs: 10_000,
      why: 'never later than the longest delay, and never giving up',
    },
    { ends: [0, 10, 20 + QUIET_MS], everReady: true, delayMs: 0, why: 'at once again after a quiet time' },
    {
      ends: rapid(MOST_FAILED_STARTS - 1),
      everReady: false,
      delayMs: 800,
      why: 'also when it was never ready, for a while',
    },
  ])('restarts $why', ({ ends, everReady, delayMs }) => {
    expect(decidePartRestart({ ends, everReady })).toMatchObject({ action: 'restart', delayMs });
  });

  it('gives up a part that never gets ready, and says so', () => {
    const decision = decidePartRestart({ ends: rapid(MOST_FAILED_STARTS), everReady: false });
    expect(decision).toEqual({ action: 'giveUp', reason: 'it ended 5 times without ever being ready' });
  });
});
