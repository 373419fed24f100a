import { describe, expect, test } from 'vitest';
import { RoundEnd } from './roundEnd.ts';

describe('the end of a round', () => {
  test.each<[string, (end: RoundEnd) => void, number]>([
    ['is not foretold before it has begun', () => undefined, Infinity],
    ['nor before anything was looked at', (end) => end.begin(1_000), Infinity],
    ['comes at the pace so far', (end) => (end.begin(1_000), end.looked(250)), 3_000],
    ['is there when more was looked at than there was', (end) => (end.begin(1_000), end.looked(1_200)), 0],
    ['is there once it has come', (end) => (end.begin(1_000), end.looked(10), end.end()), 0],
    ['is there for who has never begun', (end) => end.end(), 0],
  ])('%s', (_what, happen, expected) => {
    const end = new RoundEnd(1_000);
    happen(end);
    expect(end.expectedMs(2_000)).toBe(expected);
  });

  test('is waited for until it is near', async () => {
    const end = new RoundEnd(1_000_000);
    end.begin(performance.now() - 1_000);
    let near = false;
    const waited = end.within(2_000).then(() => (near = true));
    end.looked(1);
    await new Promise(setImmediate);
    expect(near).toBe(false);
    end.looked(900_000);
    await waited;
  });

  test('lets go of who waits when it has failed', async () => {
    const end = new RoundEnd(1_000);
    const waited = end.within(10);
    end.end();
    await waited;
  });
});
