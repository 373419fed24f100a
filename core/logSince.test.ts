import { describe, expect, test } from 'vitest';
import { engineTime, splitTime } from './logLine.ts';
import { parseSince } from './logSince.ts';

const now = new Date('2026-03-01T12:00:00Z');

describe('since', () => {
  test.each([
    ['90s', '2026-03-01T11:58:30.000Z'],
    ['10m', '2026-03-01T11:50:00.000Z'],
    ['1h30m', '2026-03-01T10:30:00.000Z'],
    ['2d', '2026-02-27T12:00:00.000Z'],
    ['9999999d', '1970-01-01T00:00:00.000Z'],
    ['2026-02-28T23:59:59Z', '2026-02-28T23:59:59.000Z'],
    ['2026-02-28T23:59:59.5+01:00', '2026-02-28T22:59:59.500Z'],
  ])('%s is %s', (text, expected) => {
    expect(parseSince(text, now)?.toISOString()).toBe(expected);
  });

  test.each([
    '',
    '10',
    'm',
    '10m x',
    '-5m',
    'yesterday',
    '2026-02-30T99:00:00Z',
    '1969-12-31T23:00:00Z',
    '🕐',
  ])('%s is neither an instant nor a duration', (text) => {
    expect(parseSince(text, now)).toBeNull();
  });
});

describe("an entry of the engine's log", () => {
  const time = '2026-03-01T12:00:00.123456789Z';

  test('bears its time in front', () => {
    const { data, time: found } = splitTime(Buffer.from(`${time} a line\n`));
    expect([found, data.toString()]).toEqual([time, 'a line\n']);
    expect(splitTime(Buffer.from('no time\n'))).toEqual({ data: Buffer.from('no time\n') });
  });

  test("its time is told to the engine in the engine's way, to the nanosecond", () => {
    const seconds = String(now.getTime() / 1000);
    expect(engineTime(time)).toBe(`${seconds}.123456789`);
    expect(engineTime(time, 60)).toBe(`${String(now.getTime() / 1000 - 60)}.123456789`);
    expect(engineTime(now.toISOString())).toBe(`${seconds}.000000000`);
  });
});
