import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type ComingMove, type RunningMove, scheduleMoves, startable } from './scheduleMoves.ts';

const caps = { perSource: 2, perTarget: 2, perLink: 1, overall: 10 };
const coming = (id: string, target: string, over: Partial<ComingMove> = {}): ComingMove => ({
  ...{ id, source: 'a', target, totalMs: 100 },
  ...over,
});
const running = (target: string, remainingMs = 50, source = 'a'): RunningMove => ({
  source,
  target,
  remainingMs,
});
const times = (moves: ReturnType<typeof scheduleMoves>) =>
  Object.fromEntries(moves.map(({ id, startsInMs, endsInMs }) => [id, [startsInMs, endsInMs]]));

describe('scheduleMoves', () => {
  const cases: [string, RunningMove[], ComingMove[], Partial<typeof caps>, Record<string, number[]>][] = [
    ['one starts at once', [], [coming('1', 'x')], {}, { '1': [0, 100] }],
    [
      'two to two devices go side by side',
      [],
      [coming('1', 'x'), coming('2', 'y')],
      {},
      { '1': [0, 100], '2': [0, 100] },
    ],
    [
      'two on one link go one after the other',
      [],
      [coming('1', 'x'), coming('2', 'x')],
      {},
      { '1': [0, 100], '2': [100, 200] },
    ],
    [
      'a third of one source waits',
      [],
      [coming('1', 'x'), coming('2', 'y'), coming('3', 'z')],
      {},
      { '1': [0, 100], '2': [0, 100], '3': [100, 200] },
    ],
    [
      'a third to one target waits',
      [],
      [coming('1', 'x'), coming('2', 'x', { source: 'b' }), coming('3', 'x', { source: 'c' })],
      {},
      { '1': [0, 100], '2': [0, 100], '3': [100, 200] },
    ],
    [
      'one that waits lets the next one pass',
      [],
      [coming('1', 'x'), coming('2', 'x'), coming('3', 'y')],
      {},
      { '1': [0, 100], '3': [0, 100], '2': [100, 200] },
    ],
    ['what runs counts', [running('x')], [coming('1', 'x')], {}, { '1': [50, 150] }],
    [
      'what runs and passes the caps is waited for',
      [running('x', 10), running('y', 20), running('z', 30)],
      [coming('1', 'w')],
      {},
      { '1': [20, 120] },
    ],
    [
      'all together are no more than the cap overall',
      [],
      [coming('1', 'x'), coming('2', 'y', { source: 'b' })],
      { overall: 1 },
      { '1': [0, 100], '2': [100, 200] },
    ],
    [
      'one that failed waits for its next attempt',
      [],
      [coming('1', 'x', { notBeforeMs: 30 })],
      {},
      { '1': [30, 130] },
    ],
    [
      'others do not wait for it',
      [],
      [coming('1', 'x', { notBeforeMs: 30 }), coming('2', 'y')],
      {},
      { '1': [30, 130], '2': [0, 100] },
    ],
    [
      'a higher cap of the link lets both go',
      [],
      [coming('1', 'x'), coming('2', 'x')],
      { perLink: 2 },
      { '1': [0, 100], '2': [0, 100] },
    ],
    [
      'the short one makes room for the next',
      [],
      [coming('1', 'x', { totalMs: 10 }), coming('2', 'y'), coming('3', 'z')],
      {},
      { '1': [0, 10], '2': [0, 100], '3': [10, 110] },
    ],
  ];
  it.each(cases)('%s', (_what, under, moves, over, expected) => {
    expect(times(scheduleMoves(under, moves, { ...caps, ...over }))).toEqual(expected);
  });
});

const someMove = fc.record({
  source: fc.constantFrom('a', 'b', 'c'),
  target: fc.constantFrom('x', 'y', 'z'),
  totalMs: fc.integer({ min: 1, max: 50 }),
});
const someMoves = fc
  .array(someMove, { maxLength: 15 })
  .map((all) => all.map((move, index) => ({ ...move, id: String(index) })));
const someCaps = fc.record({
  perSource: fc.integer({ min: 1, max: 3 }),
  perTarget: fc.integer({ min: 1, max: 3 }),
  perLink: fc.integer({ min: 1, max: 2 }),
  overall: fc.integer({ min: 1, max: 5 }),
});

test('no schedule passes a cap at any time, and everything is in it', () => {
  fc.assert(
    fc.property(someMoves, someCaps, (moves, some) => {
      const scheduled = scheduleMoves([], moves, some);
      expect(scheduled.length).toBe(moves.length);
      const byId = new Map(moves.map((move) => [move.id, move]));
      for (const { startsInMs: at } of scheduled) {
        const under = scheduled
          .filter(({ startsInMs, endsInMs }) => startsInMs <= at && at < endsInMs)
          .flatMap(({ id }) => byId.get(id) ?? []);
        const most = (key: (move: { source: string; target: string }) => string) =>
          Math.max(0, ...[...Map.groupBy(under, key).values()].map((same) => same.length));
        expect(under.length).toBeLessThanOrEqual(some.overall);
        expect(most(({ source }) => source)).toBeLessThanOrEqual(some.perSource);
        expect(most(({ target }) => target)).toBeLessThanOrEqual(some.perTarget);
        expect(most(({ source, target }) => `${source} ${target}`)).toBeLessThanOrEqual(some.perLink);
      }
    }),
  );
});

test('what may start now is what the schedule starts now', () => {
  fc.assert(
    fc.property(someMoves, someCaps, (moves, some) => {
      const now = scheduleMoves([], moves, some).filter(({ startsInMs }) => startsInMs === 0);
      expect(startable([], moves, some).map(({ id }) => id)).toEqual(now.map(({ id }) => id));
    }),
  );
});
