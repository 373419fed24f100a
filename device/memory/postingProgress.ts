import type { Progress } from '../../core/migration.ts';
import type { SessionProgress } from './stream/memorySession.ts';

/** Progress is posted this often while a round runs, milliseconds: a person sees it move. */
const EVERY_MS = 450;

/**
 * Makes a round and posts how far it is, from its begin to its end, also while it waits and has nothing new to say. A post
 * that is not answered keeps none of it from going on; until it is, no other is sent.
 */
export async function postingProgress<T>(
  { round, expectedFreezeMs }: Pick<Progress, 'round' | 'expectedFreezeMs'>,
  post: (now: Progress) => Promise<void>,
  work: (tell: (now: SessionProgress) => void) => Promise<T>,
): Promise<T> {
  let latest: SessionProgress = { round, pages: 0, bytes: 0, wireBytes: 0, bytesPerSecond: 0 };
  let posting = false;
  const tick = () => {
    if (posting) return;
    posting = true;
    post({ ...latest, expectedFreezeMs })
      .catch(() => undefined)
      .finally(() => (posting = false));
  };
  const timer = setInterval(tick, EVERY_MS);
  tick();
  try {
    return await work((now) => (latest = now));
  } finally {
    clearInterval(timer);
  }
}
