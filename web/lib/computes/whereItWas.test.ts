import { describe, expect, it } from 'vitest';
import { shares, whereItWas } from './whereItWas.ts';

const device = (name: string) => ({ id: name, name });
const at = (minute: number) => new Date(Date.UTC(2026, 4, 5, 12, minute)).toISOString();
const move = (
  id: string,
  source: string,
  target: string,
  endedAt: number,
  state = 'succeeded',
  dryRun = false,
) => ({
  ...{ id, source: device(source), target: device(target), createdAt: at(endedAt - 1), endedAt: at(endedAt) },
  ...{ state: state as 'succeeded', dryRun },
});
const here = { device: device('a'), createdAt: at(0) };

describe('a compute was', () => {
  it.each([
    ['always where it was made', [], ['a 0-now']],
    [
      'where moves brought it',
      [move('m2', 'b', 'a', 20), move('m1', 'a', 'b', 10)],
      ['a 0-10', 'b 10-20 by m1', 'a 20-now by m2'],
    ],
    ['where it was, after a move that failed', [move('m1', 'a', 'b', 10, 'rolledBack')], ['a 0-now']],
    [
      'where it was, after one that was only tried',
      [move('m1', 'a', 'b', 10, 'succeeded', true)],
      ['a 0-now'],
    ],
  ])('%s', (_name, moves, expected) => {
    const minute = (time: string | null) => (time === null ? 'now' : String(new Date(time).getUTCMinutes()));
    const words = whereItWas(here, moves).map(
      ({ device: { name }, from, to, broughtBy }) =>
        `${name} ${minute(from)}-${minute(to)}${broughtBy === null ? '' : ` by ${broughtBy}`}`,
    );
    expect(words).toEqual(expected);
  });
});

describe('shares', () => {
  const now = Date.parse(at(40));
  const stays = whereItWas(here, [move('m1', 'a', 'b', 10)]);
  it('are those of the time', () => expect(shares(stays, now, 0)).toEqual([0.25, 0.75]));
  it('are none too small to be seen', () => {
    const [first = 0, second = 0] = shares(stays, now, 0.5);
    expect(first / second).toBeCloseTo(0.5 / 0.75);
  });
  it('of a compute that was just made are one', () => {
    expect(shares(whereItWas(here, []), Date.parse(at(0)), 0.02)).toEqual([1]);
  });
});
