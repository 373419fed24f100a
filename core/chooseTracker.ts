export const TrackerName = { softDirty: 'soft-dirty', content: 'content' } as const;
/** How changed pages are found: by the kernel's soft-dirty bits, or by comparing hashes of their content. */
export type TrackerName = (typeof TrackerName)[keyof typeof TrackerName];

export interface TrackerProbes {
  /** A page that was written to after a clearing read as dirty, and one that was not as clean. */
  softDirty: boolean;
  /** What the probe saw, for a person. */
  softDirtyWords: string;
}

/** Which tracker a device uses. The probe decides, never the kernel's configuration. */
export function chooseTracker({ softDirty, softDirtyWords }: TrackerProbes): {
  action: TrackerName;
  reason: string;
} {
  if (softDirty) return { action: 'soft-dirty', reason: `the kernel marks written pages: ${softDirtyWords}` };
  return {
    action: 'content',
    reason: `pages are compared by hash, for the kernel does not mark written pages: ${softDirtyWords}`,
  };
}
