import { describe, expect, it } from 'vitest';
import type { Schemas } from '../../../client/createClient.ts';
import {
  askedFor,
  canAbort,
  comparisonsOf,
  hasEnded,
  memoryBytes,
  restoreWords,
  sentBytes,
  temporalHref,
  trackerWords,
  whyNotFrozen,
} from './describeMove.ts';
import { type Round, ROUND_FIGURES, sentence, sharesOf } from './rounds.ts';

type Move = Schemas['Migration'];
const round = (over: Partial<Round>): Round => ({
  ...{ round: 2, pages: 100, bytes: 409_600, wireBytes: 200_000, ms: 40, dirtyPagesPerSecond: 256 },
  ...{ scanMs: 10, lookedPages: 1_000, zeroPages: 0, knownPages: 0, linkBytesPerSecond: 1_048_576 },
  ...{ closing: false, decision: 'round', reason: 'rounds still get shorter', expectedFreezeMs: 130 },
  ...over,
});
const move = (over: Partial<Move> = {}): Move => ({
  ...{ id: 'mig_1', compute: { id: 'cmp_1', name: 'web' }, tenant: { id: 'tnt_1', name: 'acme' } },
  ...{ source: { id: 'dev_1', name: 'a' }, target: { id: 'dev_2', name: 'b' }, state: 'succeeded' },
  ...{ reason: '', causes: [], epoch: 2, tracker: null, trackerReason: null, restore: null, dryRun: false },
  ...{ predicted: null, progress: null, throttle: null, rounds: [], phases: [], frozenMs: 97.1 },
  ...{ wireBytes: 1_000, totalMs: 4_000, workflowId: 'cmp_1', runId: 'run', createdAt: '', endedAt: null },
  ...{ maxDowntimeMs: null, bandwidthMbit: null, evacuation: null },
  ...over,
});

describe('what may still be done', () => {
  it.each([
    ['pending', false, true],
    ['precopying', false, true],
    ['switching', false, true],
    ['releasing', false, false],
    ['succeeded', true, false],
    ['refused', true, false],
  ] as const)('%s: ended %s, can be aborted %s', (state, ended, abortable) => {
    expect([hasEnded({ state }), canAbort({ state })]).toEqual([ended, abortable]);
  });
});

it.each([
  [move(), []],
  [
    move({ dryRun: true, maxDowntimeMs: 300, bandwidthMbit: 50 }),
    ['dry run: nothing is moved', 'at most 300 ms frozen', 'at most 50 Mbit/s'],
  ],
])('says what was asked for (%#)', (one, words) => {
  expect(askedFor(one)).toEqual(words);
});

it('knows the memory by what the rounds have looked at', () => {
  expect(memoryBytes(move())).toBeNull();
  expect(memoryBytes(move({ rounds: [round({}), round({ lookedPages: 1_024 })] }))).toBe(4_194_304);
});

describe('what was sent', () => {
  const progress = {
    ...{ round: 2, pages: 1, bytes: 4_096, wireBytes: 70, bytesPerSecond: 1, expectedFreezeMs: null, at: '' },
  };
  const one = [round({ round: 1, wireBytes: 500 })];
  const two = [...one, round({ round: 2, wireBytes: 80 })];
  it.each([
    ['is on record once it has ended', move({ rounds: one }), 1_000],
    ['is that of its rounds', move({ state: 'precopying', rounds: one }), 500],
    ['and of the one under way', move({ state: 'precopying', rounds: one, progress }), 570],
    ['which counts once', move({ state: 'precopying', rounds: two, progress }), 580],
  ])('%s', (_name, asked, bytes) => {
    expect(sentBytes(asked)).toBe(bytes);
  });
});

it.each([
  [move({ dryRun: true }), 'dry run'],
  [move({ state: 'aborted' }), 'not switched'],
  [move({ state: 'precopying' }), 'not yet'],
])('says why nothing was frozen (%#)', (one, words) => {
  expect(whyNotFrozen(one)).toBe(words);
});

describe('predicted beside actual', () => {
  const predicted = { freezeMs: 120, wireBytes: 900, totalMs: 3_000 };
  const figures = (one: Move) => comparisonsOf(one).map(({ predicted: p, actual }) => [p, actual]);
  it.each([
    ['nothing without an expectation', move(), []],
    [
      'pairs once it has ended',
      move({ predicted }),
      [
        [120, 97.1],
        [900, 1_000],
        [3_000, 4_000],
      ],
    ],
    [
      'expectations alone before that',
      move({ predicted, frozenMs: null, totalMs: null }),
      [
        [120, null],
        [900, null],
        [3_000, null],
      ],
    ],
    [
      'expectations alone of a dry run',
      move({ predicted, frozenMs: null, dryRun: true }),
      [
        [120, null],
        [900, null],
        [3_000, null],
      ],
    ],
  ])('%s', (_name, one, expected) => {
    expect(figures(one)).toEqual(expected);
  });
});

it('has words for trackers and modes', () => {
  expect(trackerWords('soft-dirty')).toMatch(/^The kernel marks/);
  expect(trackerWords('another')).toBe('another');
  expect([restoreWords('lazy'), restoreWords('eager')].map((words) => words.split(':')[0])).toEqual([
    'Lazily',
    'Eagerly',
  ]);
});

it.each([
  ['http://t/ns/workflows', 'run', 'http://t/ns/workflows/cmp_1/run'],
  ['http://t/ns/workflows', '', null],
  [null, 'run', null],
])('leads from %s and run "%s" to %s', (base, runId, href) => {
  expect(temporalHref(base, move({ runId }))).toBe(href);
});

describe('rounds', () => {
  const figure = (id: string) => ROUND_FIGURES.find((one) => one.id === id)!;
  const rounds = [round({ round: 1, bytes: 800, linkBytesPerSecond: null }), round({ bytes: 200 })];
  it.each([
    ['bytes', [1, 0.25]],
    ['dirty', [null, 1]],
    ['link', [null, 1]],
  ])('by %s have bars of %j', (id, shares) => {
    expect(sharesOf(rounds, figure(id))).toEqual(shares);
  });
  it('without a figure have bars of no length', () => {
    expect(sharesOf([round({ bytes: 0 })], figure('bytes'))).toEqual([0]);
  });
});

it.each([
  ['rounds still get shorter', 'Rounds still get shorter.'],
  ['The link is slow.', 'The link is slow.'],
  ['', ''],
])('"%s" is the sentence "%s"', (text, expected) => {
  expect(sentence(text)).toBe(expected);
});
