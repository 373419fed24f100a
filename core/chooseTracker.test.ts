import { expect, test } from 'vitest';
import { chooseTracker } from './chooseTracker.ts';

test.each<[string, boolean, boolean, string, string]>([
  ['a kernel whose bits work is believed', true, true, 'soft-dirty', '9 pages were dirty'],
  [
    'a kernel whose bits do nothing is not, whatever its configuration says',
    ...([false, true, 'content', '9 pages were dirty'] as const),
  ],
  [
    'a thread compares content where the helper is missing, whatever the kernel can do',
    ...([true, false, 'content', 'helper memory-source is not built'] as const),
  ],
])('%s', (_sentence, softDirty, helper, action, words) => {
  const choice = chooseTracker({ softDirty, softDirtyWords: '9 pages were dirty', helper });
  expect(choice.action).toBe(action);
  expect(choice.reason).toContain(words);
});
