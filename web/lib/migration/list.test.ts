import { describe, expect, it } from 'vitest';
import { filterOf, matchesFilter, queryOf, searchOf } from './filter.ts';
import { outcomesOf, successRate } from './statistics.ts';

const NONE = { outcome: '', device: '', compute: '', all: false };

describe('the filter of an address', () => {
  it.each([
    ['is none without one', {}, true, NONE],
    [
      'is what it says',
      { state: 'failed', device: 'dev_1' },
      true,
      { ...NONE, outcome: 'failed', device: 'dev_1' },
    ],
    ['takes no state that there is not', { state: 'toString' }, true, NONE],
    ['shows all tenants to the operator', { all: true }, true, { ...NONE, all: true }],
    ['and to nobody else', { all: true }, false, NONE],
  ])('%s', (_name, search, operator, expected) => {
    expect(filterOf(search, operator)).toEqual(expected);
  });

  it.each([
    [NONE, {}],
    [
      { outcome: 'failed', device: 'dev_1', compute: 'cmp_1', all: true },
      { state: 'failed', device: 'dev_1', compute: 'cmp_1', all: true },
    ],
  ])('%o stands there as %o', (filter, search) => {
    expect(searchOf(filter)).toEqual(search);
    expect(filterOf(searchOf(filter), true)).toEqual(filter);
  });
});

it.each([
  [NONE, {}],
  [
    { ...NONE, outcome: 'running' },
    { state: ['pending', 'preflight', 'preparing', 'precopying', 'switching', 'releasing'] },
  ],
  [
    { ...NONE, compute: 'cmp_1', device: 'dev_1', all: true },
    { compute: 'cmp_1', device: 'dev_1', all: 'true' },
  ],
])('%o is asked for by %o', (filter, query) => {
  expect(queryOf(filter)).toEqual(query);
});

describe('a move', () => {
  const move = {
    ...{ state: 'precopying' as const, compute: { id: 'cmp_1', name: 'web' } },
    ...{ source: { id: 'dev_1', name: 'a' }, target: { id: 'dev_2', name: 'b' } },
  };
  it.each([
    [{}, true],
    [{ outcome: 'running' }, true],
    [{ outcome: 'failed' }, false],
    [{ device: 'dev_1' }, true],
    [{ device: 'dev_2' }, true],
    [{ device: 'dev_3' }, false],
    [{ compute: 'cmp_1' }, true],
    [{ compute: 'cmp_2' }, false],
    [{ outcome: 'running', device: 'dev_3' }, false],
  ])('with %o: shown %s', (over, shown) => {
    expect(matchesFilter(move, { ...NONE, ...over })).toBe(shown);
  });
});

describe('statistics', () => {
  it('count what is under way as one, last, and leave out what nothing has', () => {
    const states = { precopying: 1, switching: 1, succeeded: 6, refused: 2 };
    expect(outcomesOf({ states }).map(({ id, count, share }) => [id, count, share])).toEqual([
      ['succeeded', 6, 0.6],
      ['refused', 2, 0.2],
      ['running', 2, 0.2],
    ]);
  });
  it.each([
    [{}, null],
    [{ refused: 3, aborted: 1 }, null],
    [{ succeeded: 3, refused: 5 }, 1],
    [{ succeeded: 3, failed: 1 }, 0.75],
    [{ succeeded: 1, rolledBack: 1 }, 0.5],
  ])('of %o have the rate %s', (states, rate) => {
    expect(successRate({ states })).toBe(rate);
  });
});
