import { describe, expect, test } from 'vitest';
import { descends, foreignOf } from './foreignProcesses.ts';

/** 10 is a compute's first process; the device's shim 5 is not in its cgroup. */
const parents = new Map([
  [10, 5],
  [11, 10],
  [12, 11],
  [20, 5],
  [21, 20],
]);

describe('processes of a compute', () => {
  test('what an exec has started, and what that has started, are foreign', () => {
    expect(foreignOf(parents, 10)).toEqual([20, 21]);
  });

  test('a child whose parent has ended belongs to the first process, which the kernel gave it to', () => {
    expect(foreignOf(new Map([...parents, [21, 10]]), 10)).toEqual([20]);
  });

  test.each([
    [12, 10, true],
    [12, 11, true],
    [10, 11, false],
    [21, 10, false],
    [99, 10, false],
  ])('%i comes from %i: %s', (pid, root, expected) => {
    expect(descends(parents, pid, root)).toBe(expected);
  });

  test('a circle, read while processes changed, has an end', () => {
    const circle = new Map([
      [1, 2],
      [2, 1],
    ]);
    expect(descends(circle, 1, 9)).toBe(false);
  });
});
