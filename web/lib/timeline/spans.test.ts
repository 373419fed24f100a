import { describe, expect, it } from 'vitest';
import type { Phase } from '../../../core/migration.ts';
import { extentOf, hotSpans, moveSpans, originOf } from './spans.ts';

const BEGIN = Date.parse('2026-05-05T12:00:00Z');
const at = (ms: number) => new Date(BEGIN + ms).toISOString();
const phase = (name: Phase['name'], from: number, ms: number): Phase => ({ name, startedAt: at(from), ms });
const base = { createdAt: at(0), endedAt: null, phases: [] };
const shown = (spans: ReturnType<typeof moveSpans>) =>
  spans.map(({ name, from, ms, running }) => `${name} ${String(from)}+${String(ms)}${running ? '...' : ''}`);

describe('a move', () => {
  it.each([
    ['that was only asked for has nothing to show', { ...base, state: 'pending' as const }, [], []],
    [
      'that is being checked shows that since it began',
      { ...base, state: 'preflight' as const },
      [{ at: at(20), type: 'migration.preflight' }],
      ['preflight 20+980...'],
    ],
    [
      'that copies memory began with its first round',
      { ...base, state: 'precopying' as const, phases: [phase('preflight', 10, 90)] },
      [
        { at: at(200), type: 'migration.precopying' },
        { at: at(700), type: 'migration.precopying' },
      ],
      ['preflight 10+90', 'precopy 200+800...'],
    ],
    [
      'whose events are not read yet goes on from its last phase',
      { ...base, state: 'preparing' as const, phases: [phase('preflight', 10, 90)] },
      [],
      ['preflight 10+90', 'prepare 100+900...'],
    ],
    [
      'that has switched fills in the memory',
      {
        ...base,
        state: 'releasing' as const,
        phases: [phase('plug', 300, 5), phase('dump', 310, 40), phase('unplug', 390, 10)],
      },
      [{ at: at(410), type: 'migration.releasing' }],
      ['switch 300+100', 'filling 410+590...'],
    ],
    [
      'whose memory is there clears the source',
      { ...base, state: 'releasing' as const, phases: [phase('filling', 400, 100)] },
      [{ at: at(400), type: 'migration.releasing' }],
      ['filling 400+100', 'release 500+500...'],
    ],
    [
      'that has ended has nothing running',
      { ...base, state: 'succeeded' as const, phases: [phase('release', 500, 30)] },
      [],
      ['release 500+30'],
    ],
    [
      'of a device whose clock is ahead has lasted for no time',
      { ...base, state: 'preflight' as const },
      [{ at: at(5_000), type: 'migration.preflight' }],
      ['preflight 5000+0...'],
    ],
  ])('%s', (_name, move, events, expected) => {
    expect(shown(moveSpans(move, events, BEGIN + 1_000))).toEqual(expected);
  });
});

it('begins with its first phase where that is before it was asked for', () => {
  expect(originOf({ createdAt: at(0), phases: [phase('preflight', -3, 10)] })).toBe(BEGIN - 3);
});

it('has the phases of the hot window in order, the longer one of two first', () => {
  const phases = [
    phase('transfer', 310, 20),
    phase('dump', 310, 40),
    phase('precopy', 0, 300),
    phase('plug', 300, 5),
  ];
  expect(shown(hotSpans({ createdAt: at(0), phases }))).toEqual([
    'plug 300+5',
    'dump 310+40',
    'transfer 310+20',
  ]);
});

it('spans from the first to the last', () => {
  expect(extentOf([])).toEqual([0, 0]);
  expect(
    extentOf([
      { from: 5, ms: 100 },
      { from: 20, ms: 10 },
    ]),
  ).toEqual([5, 105]);
});
