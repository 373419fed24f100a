import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Progress } from '../../core/migration.ts';
import { postingProgress } from './postingProgress.ts';
import type { SessionProgress } from './stream/memorySession.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A round that runs until `end` is called; what it posted is in `posted`. */
function round(answer: () => Promise<void> = () => Promise.resolve()) {
  const posted: Progress[] = [];
  let tell: (now: SessionProgress) => void = () => undefined;
  let end: () => void = () => undefined;
  const post = (now: Progress) => (posted.push(now), answer());
  const done = postingProgress({ round: 3, expectedFreezeMs: 150 }, post, (telling) => {
    tell = telling;
    return new Promise<string>((resolve) => (end = () => resolve('figures')));
  });
  return { posted, tell: (now: SessionProgress) => tell(now), end: () => end(), done };
}

test('posts at least twice a second while a round runs, also when it has nothing new to say', async () => {
  const { posted, tell, end, done } = round();
  expect(posted).toEqual([
    { round: 3, pages: 0, bytes: 0, wireBytes: 0, bytesPerSecond: 0, expectedFreezeMs: 150 },
  ]);
  tell({ round: 3, pages: 7, bytes: 28_672, wireBytes: 9000, bytesPerSecond: 90_000 });
  for (let second = 1; second <= 5; second++) {
    const before = posted.length;
    await vi.advanceTimersByTimeAsync(1000);
    expect(posted.length - before).toBeGreaterThanOrEqual(2);
  }
  expect(posted.at(-1)).toMatchObject({ pages: 7, bytesPerSecond: 90_000, expectedFreezeMs: 150 });
  end();
  await expect(done).resolves.toBe('figures');
  const after = posted.length;
  await vi.advanceTimersByTimeAsync(1000);
  expect(posted).toHaveLength(after);
});

test('a post that fails is followed by the next, and one without an answer holds up nothing', async () => {
  const failing = round(() => Promise.reject(new Error('away')));
  await vi.advanceTimersByTimeAsync(1000);
  expect(failing.posted.length).toBeGreaterThanOrEqual(3);
  failing.end();
  await failing.done;

  const silent = round(() => new Promise(() => undefined));
  await vi.advanceTimersByTimeAsync(1000);
  expect(silent.posted).toHaveLength(1);
  silent.end();
  await expect(silent.done).resolves.toBe('figures');
});
