import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allBut, forgetPassed, PassedTests } from './passedTests.ts';

describe('the record of what has passed', () => {
  let folder = '';
  const path = () => join(folder, 'record.json');
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'passed-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  test('a run that was ended goes on behind the tests that passed', () => {
    const first = new PassedTests(path(), 'commit');
    first.addTest('a.test.ts', 'one');
    first.addTest('a.test.ts', 'one');
    first.addTest('b.test.ts', 'two');
    const second = new PassedTests(path(), 'commit');
    expect(second.testsOf('a.test.ts')).toEqual(['one']);
    expect(second.testsOf('b.test.ts')).toEqual(['two']);
    expect(second.hasFile('a.test.ts')).toBe(false);
  });

  test('a file that has come to its end counts as a whole', () => {
    const first = new PassedTests(path(), 'commit');
    first.addTest('a.test.ts', 'one');
    first.addFile('a.test.ts');
    const second = new PassedTests(path(), 'commit');
    expect(second.hasFile('a.test.ts')).toBe(true);
    expect(second.testsOf('a.test.ts')).toEqual([]);
  });

  test('nothing has passed in another state of the checkout, nor once it is forgotten', () => {
    new PassedTests(path(), 'commit').addFile('a.test.ts');
    expect(new PassedTests(path(), 'another').hasFile('a.test.ts')).toBe(false);
    forgetPassed(path());
    expect(new PassedTests(path(), 'commit').hasFile('a.test.ts')).toBe(false);
  });
});

test('a pattern fits all names but those that passed, whatever signs they hold', () => {
  const pattern = new RegExp(allBut(['a move (50 ms, 1 %)?', 'b|c']));
  expect(['a move (50 ms, 1 %)?', 'b|c', 'b', 'b|c d', 'a move'].map((name) => pattern.test(name))).toEqual([
    false,
    false,
    true,
    true,
    true,
  ]);
});
