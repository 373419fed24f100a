import type { SnapshotContent } from '../../core/snapshot.ts';
import { type RestoreDeps, restoreSnapshot, type RestoreRequest } from './restoreSnapshot.ts';
import { type TakeDeps, takeSnapshot, type TakeRequest } from './takeSnapshot.ts';

/** What of snapshots is a device's. */
export interface Snapshots {
  /** @throws DrayageError; the compute runs on in any case */
  take(request: TakeRequest): Promise<SnapshotContent>;
  /** @throws DrayageError */
  restore(request: RestoreRequest): Promise<void>;
}

/** Those of a real machine. */
export function createSnapshots(deps: TakeDeps & RestoreDeps): Snapshots {
  return {
    take: (request) => takeSnapshot(deps, request),
    restore: (request) => restoreSnapshot(deps, request),
  };
}
