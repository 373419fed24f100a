import { describe, expect, it } from 'vitest';
import { keepNewest, LineJoiner } from './LineBuffer.ts';

const base64 = (bytes: Iterable<number>) => btoa(String.fromCharCode(...bytes));
const bytes = (text: string) => base64(new TextEncoder().encode(text));
const TIME = '2026-05-05T12:00:00.000000001Z';

function linesOf(entries: [stream: 'stdout' | 'stderr', data: string][]) {
  const joiner = new LineJoiner();
  return entries.flatMap(([stream, data]) => {
    const line = joiner.add({ time: TIME, stream, data });
    return line === null ? [] : [`${String(line.id)} ${line.stream} ${line.text}`];
  });
}

describe('lines', () => {
  it.each<[string, [stream: 'stdout' | 'stderr', data: string][], string[]]>([
    [
      'end where one was written',
      [
        ['stdout', bytes('a\n')],
        ['stderr', bytes('b\r\n')],
      ],
      ['0 stdout a', '1 stderr b'],
    ],
    [
      'are joined of their parts',
      [
        ['stdout', bytes('a')],
        ['stdout', bytes('b\n')],
      ],
      ['0 stdout ab'],
    ],
    [
      'of two streams are not mixed',
      [
        ['stdout', bytes('a')],
        ['stderr', bytes('x\n')],
        ['stdout', bytes('b\n')],
      ],
      ['0 stderr x', '1 stdout ab'],
    ],
    ['are what was written last in place', [['stdout', bytes('10 %\r90 %\n')]], ['0 stdout 90 %']],
    [
      'may be cut within a character',
      [
        ['stdout', base64([0xc3])],
        ['stdout', base64([0xa4, 10])],
      ],
      ['0 stdout ä'],
    ],
    [
      'are cut where they never end',
      [['stdout', bytes('x'.repeat(20_000))]],
      [`0 stdout ${'x'.repeat(20_000)}`],
    ],
  ])('%s', (_name, entries, expected) => {
    expect(linesOf(entries)).toEqual(expected);
  });
});

describe('the newest', () => {
  it.each([
    [[1, 2], [3], 5, [1, 2, 3]],
    [[1, 2], [3], 2, [2, 3]],
    [[1, 2], [3, 4, 5], 2, [4, 5]],
    [[], [], 2, []],
  ])('%j and %j, at most %i', (before, added, most, expected) => {
    expect(keepNewest(before, added, most)).toEqual(expected);
  });
});
