import { expect, it } from 'vitest';
import { ignoredBy } from './ignored.ts';

it.each([
  ['', 'a.js', false],
  ['', '.git/config', true],
  ['', '.gitignore', false],
  ['', 'sub/.git/config', false],
  ['*.log', 'a.log', true],
  ['*.log', 'sub/a.log', true],
  ['*.log', 'a.log.gz', false],
  ['node_modules', 'node_modules/x/index.js', true],
  ['node_modules', 'sub/node_modules/x', true],
  ['node_modules', 'my_node_modules', false],
  ['./dist/', 'dist/a.js', true],
  ['tmp/*', 'tmp/a/b', true],
  ['?.js', 'a.js', true],
  ['?.js', 'ab.js', false],
  ['[ab].js', 'sub/b.js', true],
  ['[!ab].js', 'b.js', false],
  ['a+b(1).js', 'a+b(1).js', true],
  ['a+b', 'aab', false],
  ['\\*', 'a', false],
  ['x\n\n*.tmp\r\n', 'a.tmp', true],
])('%j: %s stays behind: %s', (lines, path, stays) => {
  expect(ignoredBy(lines)(path)).toBe(stays);
});
