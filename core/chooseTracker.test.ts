import { expect, test } from 'vitest';
import { chooseTracker } from './chooseTracker.ts';

test.each<[string, boolean, string]>([
  ['a kernel whose bits work is believed', true, 'soft-dirty'],
  ['a kernel whose bits do nothing is not, whatever its configuration says', false, 'content'],
])('%s', (_sentence, softDirty, action) => {
  const choice = chooseTracker({ softDirty, softDirtyWords: '9 pages were dirty' });
  expect(choice.action).toBe(action);
  expect(choice.reason).toContain('9 pages were dirty');
});
