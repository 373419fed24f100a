export const TrackerName = { softDirty: 'soft-dirty', content: 'content' } as const;
/** How changed pages are found: by the kernel's soft-dirty bits, or by comparing hashes of their content. */
export type TrackerName = (typeof TrackerName)[keyof typeof TrackerName];

export interface TrackerProbes {
  /** A page that was written to after a clearing read as dirty, and one that was not as clean. */
  softDirty: boolean;
  /** What the probe saw, for a person. */
  softDirtyWords: string;
  /** The device has the helper that scans memory; else a thread of the worker does, which only compares content. */
  helper: boolean;
}

/** Which tracker a device uses. The probe decides, never the kernel's configuration. */
export function chooseTracker({ softDirty, softDirtyWords, helper }: TrackerProbes): {
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
  return {
    action: 'content',
    reason: `pages are compared by hash, for the kernel does not mark written pages: ${softDirtyWords}`,
  };
}
