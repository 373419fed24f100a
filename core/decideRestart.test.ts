import { describe, expect, test } from 'vitest';
import { decideRestart, type EndedCompute } from './decideRestart.ts';

const ended: EndedCompute = {
  policy: { name: 'always', maximumRetries: 0 },
  exitCode: 1,
  ranMs: 50,
  requested: false,
  restarts: 0,
};
const onFailure = (maximumRetries: number): Partial<EndedCompute> => ({
  policy: { name: 'on-failure', maximumRetries },
});

describe('decideRestart leaves a compute that', () => {
  test.each<[string, Partial<EndedCompute>, RegExp]>([
    ['was stopped on request, whatever its policy', { requested: true }, /on request/],
    ['has the policy "no"', { policy: { name: 'no', maximumRetries: 0 } }, /policy is "no"/],
    ['ended well under "on-failure"', { ...onFailure(0), exitCode: 0 }, /without failure/],
    ['used up its retries', { ...onFailure(3), restarts: 3 }, /after 3 restarts/],
  ])('%s', (_, change, reason) => {
    const decision = decideRestart({ ...ended, ...change });
    expect(decision).toMatchObject({ action: 'leave', reason: expect.stringMatching(reason) as string });
  });
});

describe('decideRestart restarts', () => {
  test.each<[string, Partial<EndedCompute>, number, number]>([
    ['at first after 100 ms', {}, 100, 1],
    ['with double the wait each time', { restarts: 3 }, 800, 4],
    ['after one minute at most', { restarts: 1000 }, 60_000, 1001],
    ['under "always" also after exit code 0', { exitCode: 0 }, 100, 1],
    ['from the beginning after 10 s of running', { restarts: 9, ranMs: 10_000 }, 100, 1],
    ['with a retry left', { ...onFailure(3), restarts: 2 }, 400, 3],
    ['without end when the retries are not limited', { ...onFailure(0), restarts: 500 }, 60_000, 501],
    [
      'after a healthy run though the retries were used up',
      { ...onFailure(1), restarts: 1, ranMs: 60_000 },
      100,
      1,
    ],
  ])('%s', (_, change, delayMs, restarts) => {
    expect(decideRestart({ ...ended, ...change })).toMatchObject({ action: 'restart', delayMs, restarts });
  });
});
