import { describe, expect, test } from 'vitest';
import { decideLogFollowing, FOLLOW_PATIENCE_MS, type FollowedCompute } from './decideLogFollowing.ts';

const runs: FollowedCompute = { state: 'running', silent: false, silentMs: 0 };

describe('a log that has come to its end', () => {
  test.each<[string, Partial<FollowedCompute>, 'again' | 'end']>([
    ['of a compute that runs goes on: it was started again', {}, 'again'],
    ['of a compute that moves goes on, on its next device', { state: 'migrating' }, 'again'],
    ['of a device that is silent may go on', { silent: true, silentMs: FOLLOW_PATIENCE_MS - 1 }, 'again'],
    ['of a device that stays silent ends', { silent: true, silentMs: FOLLOW_PATIENCE_MS }, 'end'],
    ['of a compute that has stopped ends', { state: 'stopped' }, 'end'],
    ['of a compute that has failed ends', { state: 'failed' }, 'end'],
    ['of a compute that is gone ends', { state: null }, 'end'],
  ])('%s', (_name, over, action) => {
    const decision = decideLogFollowing({ ...runs, ...over });
    expect(decision.action).toBe(action);
    expect(decision.reason).not.toBe('');
  });
});
