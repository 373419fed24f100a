import { describe, expect, test } from 'vitest';
import type { LogLine } from './logLine.ts';
import { SeenLines } from './seenLines.ts';

/** `second` of a minute, on whichever clock. */
function line(second: number, text: string, stream: LogLine['stream'] = 'stdout'): LogLine {
  const time = `2026-03-01T12:00:${String(second).padStart(2, '0')}.000000000Z`;
  return { time, stream, data: Buffer.from(text).toString('base64') };
}

/** What a reader shows of a log that it reads in several goes. */
function shown(...readings: LogLine[][]): string[] {
  const seen = new SeenLines();
  return readings.flatMap((lines) => {
    seen.again();
    return lines
      .filter((one) => seen.isNew(one))
      .map(({ data }) => Buffer.from(data, 'base64').toString('utf8'));
  });
}

const ticks = (count: number, text = 'tick') =>
  Array.from({ length: count }, (_, at) => line(at, `${text} ${String(at)}`));

describe('a log that is read anew', () => {
  test('on the same device goes on after the last line', () => {
    expect(shown(ticks(3), ticks(5))).toEqual(ticks(5).map((_, at) => `tick ${String(at)}`));
  });

  test('on the target goes on, though what was logged in the move bears another time', () => {
    // Lines 2 and 3 were logged between the copy of the history and the freeze.
    const moved = [line(0, 'a'), line(1, 'b'), line(30, 'c'), line(30, 'd'), line(31, 'e')];
    expect(shown([line(0, 'a'), line(1, 'b'), line(2, 'c'), line(3, 'd')], moved)).toEqual([
      ...['a', 'b', 'c', 'd', 'e'],
    ]);
  });

  test('shows as many equal lines as there are', () => {
    const same = (...seconds: number[]) => seconds.map((second) => line(second, 'ok'));
    expect(shown(same(0, 1, 2), same(0, 1, 30, 31, 32))).toHaveLength(5);
  });

  test('does not show what came before the first line that was asked for', () => {
    expect(shown(ticks(5).slice(3), ticks(6))).toEqual(['tick 3', 'tick 4', 'tick 5']);
    // All of it bears the time of the move.
    const late = ticks(6).map((_, at) => line(40, `tick ${String(at)}`));
    expect(shown(ticks(5).slice(3), late)).toEqual(['tick 3', 'tick 4', 'tick 5']);
  });

  test('keeps the streams apart, whose lines may come in another order', () => {
    const before = [line(0, 'out 1'), line(1, 'err 1', 'stderr'), line(2, 'out 2')];
    const after = [
      line(0, 'out 1'),
      line(9, 'out 2'),
      line(9, 'err 1', 'stderr'),
      line(10, 'err 2', 'stderr'),
    ];
    expect(shown(before, after)).toEqual(['out 1', 'err 1', 'out 2', 'err 2']);
  });

  test('shows a line rather twice than never', () => {
    // A part of what was seen is gone: the log was rotated away.
    expect(shown([line(0, 'a'), line(1, 'b'), line(2, 'c')], [line(0, 'a'), line(3, 'd')])).toEqual([
      ...['a', 'b', 'c', 'd'],
    ]);
    const untimed: LogLine = { stream: 'stdout', data: 'eA==' };
    expect(shown([untimed], [untimed])).toHaveLength(2);
  });

  test('is read from the first line remembered on, for clocks that are apart from a minute before', () => {
    const seen = new SeenLines();
    expect(seen.since).toBeNull();
    seen.isNew(line(5, 'x', 'stderr'));
    seen.isNew(line(7, 'y'));
    expect(seen.since).toBe(`${String(Date.parse('2026-03-01T11:59:05Z') / 1000)}.000000000`);
    for (let count = 0; count < 5000; count += 1) {
      seen.isNew(line(8, String(count)));
      seen.isNew(line(8, String(count), 'stderr'));
    }
    expect(seen.since).toBe(`${String(Date.parse('2026-03-01T11:59:08Z') / 1000)}.000000000`);
  });
});
