import { expect, test } from 'vitest';
import { chooseRestore } from './chooseRestore.ts';

const MB = 2 ** 20;

test.each<[string, number, number, boolean, string, boolean?]>([
  ['one process restores lazily', 100, 100, true, 'lazy'],
  ['processes that share a little restore lazily', 110, 100, true, 'lazy'],
  ['the bound itself is still lazy', 120, 100, true, 'lazy'],
  ['processes that share more than the bound restore eagerly', 121, 100, true, 'eager'],
  ['four forked workers restore eagerly', 400, 100, true, 'eager'],
  ['a target without the helper restores eagerly', 100, 100, false, 'eager'],
  ["a source that cannot keep memory out of CRIU's dump restores eagerly", 100, 100, true, 'eager', false],
  ['no memory at all restores lazily', 0, 0, true, 'lazy'],
])('%s', (_sentence, anonymous, once, pager, action, hides = true) => {
  const choice = chooseRestore({ anonymousBytes: anonymous * MB, onceBytes: once * MB, pager, hides });
  expect(choice.action).toBe(action);
  expect(choice.reason).not.toBe('');
});
