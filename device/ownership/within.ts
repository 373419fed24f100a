import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';

/** @throws DrayageError when `work` takes longer than `ms` */
export async function within(work: Promise<void>, ms: number, complaint: string): Promise<void> {
  const timer = new AbortController();
  const late = pause(ms, undefined, { signal: timer.signal }).then(() => {
    throw new DrayageError({
      code: 'peerSilent',
      message: `${complaint[0]?.toUpperCase()}${complaint.slice(1)} within ${ms / 1000} s.`,
      mend: 'Check the target device and the network to it, then try again.',
    });
  });
  try {
    await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
