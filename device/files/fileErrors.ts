import { DrayageError } from '../../core/cause.ts';
import type { Ended } from './childProcess.ts';

/**
 * Why reading a directory failed; null when it did not. tar exits with 1 or 2 when files changed or went away under it,
 * which is no failure as long as a later difference follows (`mayChange`).
 */
export function readingError(directory: string, ended: Ended, mayChange: boolean): DrayageError | null {
  const changed = ended.exitCode !== null && ended.onlyHarmless && ended.said !== '';
  if (ended.exitCode === 0 && ended.onlyHarmless && (mayChange || !changed)) return null;
  if (changed && mayChange) return null;
  if (changed) {
    return new DrayageError({
      code: 'filesChangedWhileFrozen',
      message: `Files in ${directory} changed while the compute was frozen: ${ended.said}.`,
      mend: 'End what writes there besides the compute (docker cp, a shell on the device), and try again.',
    });
  }
  return new DrayageError(
    {
      code: 'filesUnreadable',
      message: `Files in ${directory} could not be read: ${describe(ended)}.`,
      mend: 'Check the disk and the kernel log of the source device.',
    },
    { retryable: true },
  );
}

/** Why writing to a directory failed. */
export function writingError(
  directory: string,
  ended: Pick<Ended, 'said' | 'exitCode' | 'signal'>,
): DrayageError {
  if (/no space left on device|disk quota exceeded/i.test(ended.said)) {
    return new DrayageError({
      code: 'diskFull',
      message: `The target's disk is full: ${ended.said}.`,
      mend: 'Free space on the target device or choose another one.',
    });
  }
  return new DrayageError(
    {
      code: 'filesNotApplied',
      message: `Files could not be written to ${directory}: ${describe(ended)}.`,
      mend: 'Check the disk and the kernel log of the target device.',
    },
    { retryable: true },
  );
}

/** An end by `cancel`, or by whoever should have read or written the stream. */
export function cancelledError(directory: string): DrayageError {
  return new DrayageError({
    code: 'filesCancelled',
    message: `The copy of ${directory} was cancelled.`,
    mend: 'Start the move again if it was not meant.',
  });
}

function describe(ended: Pick<Ended, 'said' | 'exitCode' | 'signal'>): string {
  if (ended.said) return ended.said;
  return ended.signal ? `ended by ${ended.signal}` : `exit code ${String(ended.exitCode)}`;
}
