import type { Readable } from 'node:stream';
import type { SnapshotPart } from '../../core/snapshot.ts';

/** Where the parts of one snapshot are kept; the control plane behind it. */
export interface PartStore {
  /** Keeps a part; one that is there is replaced. Resolves when it is on disk there. @throws DrayageError */
  put(part: string, content: Readable): Promise<SnapshotPart>;
  /** @throws DrayageError */
  get(part: string): Promise<Readable>;
}
