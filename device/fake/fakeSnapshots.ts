import { DrayageError } from '../../core/cause.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';

/** A fake device has neither memory nor files to keep: it says so. */
export const fakeSnapshots: Snapshots = {
  take: () => Promise.reject(noSnapshots()),
  restore: () => Promise.reject(noSnapshots()),
};

function noSnapshots(): DrayageError {
  return new DrayageError({
    code: 'noSnapshots',
    message: 'A fake device takes and restores no snapshots: there is nothing behind its computes.',
    mend: 'Use a real device.',
  });
}
