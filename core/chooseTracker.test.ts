import { expect, test } from 'vitest';
import { chooseTracker, type TrackerProbes } from './chooseTracker.ts';

const able: TrackerProbes = {
  softDirty: true,
  softDirtyWords: '9 pages were dirty',
  watchable: true,
  helper: true,
};

test.each<[string, Partial<TrackerProbes>, string, string]>([
  ['a kernel whose bits work is believed', {}, 'soft-dirty', '9 pages were dirty'],
  [
    'where they do nothing, memory that can be protected is, whatever the configuration says',
    ...([{ softDirty: false }, 'write-protect', 'came here by a move'] as const),
  ],
  [
    'memory that cannot be protected either is compared',
    ...([{ softDirty: false, watchable: false }, 'content', '9 pages were dirty'] as const),
  ],
  [
    'a thread compares content where the helper is missing, whatever the kernel can do',
    ...([{ helper: false }, 'content', 'helper memory-source is not built'] as const),
  ],
])('%s', (_sentence, probes, action, words) => {
  const choice = chooseTracker({ ...able, ...probes });
  expect(choice.action).toBe(action);
  expect(choice.reason).toContain(words);
});
