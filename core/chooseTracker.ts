export const TrackerName = {
  softDirty: 'soft-dirty',
  writeProtect: 'write-protect',
  content: 'content',
} as const;
/**
 * How changed pages are found: by the kernel's soft-dirty bits, by its asynchronous write protection, or by comparing hashes
 * of their content.
 */
export type TrackerName = (typeof TrackerName)[keyof typeof TrackerName];

export interface TrackerProbes {
  /** A page that was written to after a clearing read as dirty, and one that was not as clean. */
  softDirty: boolean;
  /** What the probe saw, for a person. */
  softDirtyWords: string;
  /** CRIU made the compute's processes here, and left a userfaultfd of each with us. */
  watchable: boolean;
  /** The device has the helper that scans memory; else a thread of the worker does, which only compares content. */
  helper: boolean;
}

/** Which tracker a move uses. Probes decide, never the kernel's configuration. */
export function chooseTracker({ softDirty, softDirtyWords, watchable, helper }: TrackerProbes): {
  action: TrackerName;
  reason: string;
} {
  if (!helper)
    return {
      action: 'content',
      reason:
        'pages are compared by hash, by a thread of the worker: the helper memory-source is not built on the source',
    };
  if (softDirty) return { action: 'soft-dirty', reason: `the kernel marks written pages: ${softDirtyWords}` };
  if (watchable)
    return {
      action: 'write-protect',
      reason:
        'the kernel names the pages written to since they were protected: the compute came here by a move, and its ' +
        'restore left a userfaultfd of every process',
    };
  return {
    action: 'content',
    reason:
      `pages are compared by hash: the kernel does not mark written pages (${softDirtyWords}), and the compute did not ` +
      'come here by a move that would let it protect them',
  };
}
