import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DEFAULT_FIXED_FREEZE_MS,
  MAX_ROUNDS,
  STALLED_ROUNDS,
  THROTTLE_STEPS,
  decideNextRound,
  freezeWithoutRounds,
  type PrecopyFacts,
  type RoundFacts,
} from './decideNextRound.ts';

const MB = 1_000_000;
const PAGE = 4096;
const GIGABIT = 125 * MB;

/** A round that sent so many megabytes over the link, while the compute changed so many a second. */
function round(megabytes: number, changing = 0, link: number | null = GIGABIT, scanMs = 20): RoundFacts {
  const bytes = megabytes * MB;
  return {
    pages: Math.round(bytes / PAGE),
    bytes,
    wireBytes: bytes,
    ms: scanMs + (bytes / (link ?? GIGABIT)) * 1000,
    scanMs,
    dirtyPagesPerSecond: (changing * MB) / PAGE,
    linkBytesPerSecond: link,
  };
}

function facts(rounds: RoundFacts[], more: Partial<PrecopyFacts> = {}): PrecopyFacts {
  return {
    rounds,
    memoryBytes: 256 * MB,
    fixedFreezeMs: 100,
    maxDowntimeMs: null,
    allowThrottle: false,
    throttle: 1,
    closing: false,
    ...more,
  };
}

/** What rounds come to when each sends what changed during the one before. */
function settle(
  megabytes: number,
  changing: number,
  link: number,
  more: Partial<PrecopyFacts> = {},
): { action: string; rounds: number; expectedFreezeMs: number } {
  const rounds: RoundFacts[] = [];
  let next = decideNextRound(facts(rounds, more));
  let size = megabytes;
  while (next.action === 'round') {
    const done = round(size, rounds.length === 0 ? 0 : changing, link);
    rounds.push(done);
    size = Math.min(megabytes, (changing * done.ms) / 1000);
    next = decideNextRound(facts(rounds, { memoryBytes: megabytes * MB, ...more }));
  }
  return { action: next.action, rounds: rounds.length, expectedFreezeMs: next.expectedFreezeMs };
}

describe('the next round', () => {
  test.each<[string, PrecopyFacts, string, RegExp]>([
    ['nothing was copied yet: the first round', facts([]), 'round', /nothing has been copied/],
    ['after one round nobody knows what changes: a second', facts([round(256)]), 'round', /not known yet/],
    ['a small memory after one round: a second all the same', facts([round(2)]), 'round', /not known yet/],
    [
      'after one round the kernel says that nothing has changed: switch',
      facts([{ ...round(256), leftPages: 0 }]),
      'switch',
      /gain nothing/,
    ],
    [
      'after one round the kernel says that much has changed: another',
      facts([{ ...round(256), leftPages: 2_000 }]),
      'round',
      /get shorter/,
    ],
    ['nothing has changed: switch', facts([round(256), round(0)]), 'switch', /gain nothing/],
    ['a few pages change: switch', facts([round(256), round(0.5, 0.5)]), 'switch', /gain nothing/],
    ['rounds get shorter: another', facts([round(256), round(40, 20)]), 'round', /get shorter/],
    ['rounds got short: switch', facts([round(256), round(40, 20), round(1, 5)]), 'switch', /gain nothing/],
    [
      'a slow link and much left: another',
      facts([round(256, 0, 12 * MB), round(60, 3, 12 * MB)]),
      'round',
      /get shorter/,
    ],
    [
      'the compute writes faster than the link carries: give up',
      facts([
        round(256, 0, 12 * MB),
        round(250, 20, 12 * MB),
        round(250, 20, 12 * MB),
        round(250, 20, 12 * MB),
      ]),
      'giveUp',
      /faster than the link/,
    ],
    [
      'the difference would take longer than the limit to send: give up',
      facts([round(256, 0, 12 * MB), round(30, 20, 12 * MB), round(30, 20, 12 * MB), round(30, 20, 12 * MB)]),
      'giveUp',
      /faster than the link/,
    ],
    [
      'rounds no longer shrink but little is left: switch',
      facts([round(256), round(8, 20), round(8, 20), round(8, 20)]),
      'switch',
      /gain nothing/,
    ],
    [
      'one round grew by a burst: another',
      facts([round(256), round(40, 20), round(60, 60), round(20, 20)]),
      'round',
      /get shorter/,
    ],
    [
      'more traffic than three times the memory: no more rounds',
      facts([round(256), round(256, 1), round(256, 1), round(10, 30)]),
      'switch',
      /gain nothing/,
    ],
    [
      'as many rounds as are allowed: no more',
      facts(Array.from({ length: MAX_ROUNDS }, (_, index) => round(256 * 0.7 ** index, 10))),
      'switch',
      /gain nothing/,
    ],
  ])('%s', (_sentence, given, action, reason) => {
    const next = decideNextRound(given);
    expect(next.action).toBe(action);
    expect(next.reason).toMatch(reason);
  });
});

describe('with a limit for the freeze', () => {
  test.each<[string, PrecopyFacts, string, RegExp]>([
    [
      'it is met and rounds gain nothing: switch',
      facts([round(256), round(0.5, 1)], { maxDowntimeMs: 200 }),
      'switch',
      /within the 200 ms allowed/,
    ],
    [
      'it would be met, but another round gains much: another',
      facts([round(256), round(60, 60)], { maxDowntimeMs: 2000 }),
      'round',
      /get shorter/,
    ],
    [
      'it is met and rounds are stuck: switch',
      facts([round(256), round(30, 40), round(30, 40), round(30, 40)], { maxDowntimeMs: 1000 }),
      'switch',
      /within the 1000 ms allowed/,
    ],
    [
      'it is less than a freeze costs without any page: give up',
      facts([round(256), round(0), round(0)], { maxDowntimeMs: 50 }),
      'giveUp',
      /within 50 ms/,
    ],
    [
      'it cannot be met for rounds are stuck: give up',
      facts([round(256), round(60, 60), round(60, 60), round(60, 60)], { maxDowntimeMs: 150 }),
      'giveUp',
      /within 150 ms/,
    ],
    [
      'a generous one allows what would be given up without: switch',
      facts(
        [round(256, 0, 12 * MB), round(30, 20, 12 * MB), round(30, 20, 12 * MB), round(30, 20, 12 * MB)],
        {
          maxDowntimeMs: 60_000,
        },
      ),
      'switch',
      /within the 60000 ms allowed/,
    ],
  ])('%s', (_sentence, given, action, reason) => {
    const next = decideNextRound(given);
    expect(next.action).toBe(action);
    expect(next.reason).toMatch(reason);
  });

  test('who gives up says what would have helped, with figures', () => {
    const rounds = [round(256), round(60, 60), round(60, 60), round(60, 60)];
    const next = decideNextRound(facts(rounds, { maxDowntimeMs: 150 }));
    expect(next.code).toBe('downtimeNotMet');
    expect(next.mend).toMatch(/Allow \d+ ms \(--max-downtime\).*--allow-throttle/);
    expect(
      decideNextRound(facts(rounds, { maxDowntimeMs: 150, allowThrottle: true, throttle: 0.15 })).mend,
    ).toMatch(/slowed to 15 % already/);
  });
});

describe('the throttle', () => {
  const stuck = [round(256, 0, 12 * MB), ...Array.from({ length: 4 }, () => round(200, 20, 12 * MB))];

  test.each(THROTTLE_STEPS.map((step, index) => [THROTTLE_STEPS[index - 1] ?? 1, step] as const))(
    'from %d it goes to %d',
    (throttle, throttleTo) => {
      const next = decideNextRound(facts(stuck, { allowThrottle: true, throttle }));
      expect(next).toMatchObject({ action: 'throttle', throttleTo });
    },
  );

  test.each<[string, Partial<PrecopyFacts>]>([
    ['is not used where it was not allowed', { allowThrottle: false }],
    ['ends at its last step', { allowThrottle: true, throttle: 0.15 }],
    ['is not touched right before the freeze', { allowThrottle: true, closing: true }],
  ])('%s', (_sentence, more) => {
    expect(decideNextRound(facts(stuck, more)).action).toBe('giveUp');
  });

  test('is not used while rounds still get shorter', () => {
    expect(decideNextRound(facts([round(256), round(60, 20)], { allowThrottle: true })).action).toBe('round');
  });
});

describe('closing rounds', () => {
  test.each<[string, PrecopyFacts, string]>([
    [
      'much has changed while all was armed: one more',
      facts([round(256), round(2, 20), round(20, 20)]),
      'round',
    ],
    ['little has changed: switch', facts([round(256), round(2, 2), round(0.4, 2)]), 'switch'],
    ['nothing was copied before: it is not waited for a second one', facts([round(0.1)]), 'switch'],
    [
      'the limit cannot be met: give up, before anything is frozen',
      facts([round(256), round(60, 60), round(60, 60), round(60, 60)], { maxDowntimeMs: 120 }),
      'giveUp',
    ],
  ])('%s', (_sentence, given, action) => {
    expect(decideNextRound({ ...given, closing: true }).action).toBe(action);
  });
});

describe('what is expected', () => {
  test.each<[string, PrecopyFacts, { bytes: number; freezeMs: number }]>([
    [
      'nothing but the fixed costs when nothing changes',
      facts([round(9), round(0)]),
      { bytes: 0, freezeMs: 100 },
    ],
    [
      'what changes in the time of a round',
      // 20 ms of looking and 32 ms of sending 4 MB, 10 MB/s changing.
      facts([round(256), round(4, 10)]),
      { bytes: 0.52 * MB, freezeMs: 100 },
    ],
    [
      'a link that was never the slowest part is taken for a gigabit',
      facts([round(256, 0, null), round(100, 100, null)]),
      { bytes: 82 * MB, freezeMs: 666 },
    ],
    [
      'compression counts',
      facts([round(256), { ...round(4, 10), wireBytes: 1 * MB }]),
      { bytes: 0.13 * MB, freezeMs: 100 },
    ],
  ])('%s', (_sentence, given, { bytes, freezeMs }) => {
    const next = decideNextRound(given);
    expect(next.expectedBytes / MB).toBeCloseTo(bytes / MB, 1);
    expect(Math.abs(next.expectedFreezeMs - freezeMs)).toBeLessThan(20);
  });
});

describe('a whole pre-copy', () => {
  test.each<[string, number, number, number, Partial<PrecopyFacts>, string]>([
    ['2 MB idle over a gigabit', 2, 0, GIGABIT, {}, 'switch'],
    ['256 MB with 8 MB/s over a gigabit', 256, 8, GIGABIT, {}, 'switch'],
    ['1 GB with 20 MB/s over a gigabit', 1074, 20, GIGABIT, {}, 'switch'],
    ['1 GB with 20 MB/s over 100 Mbit/s', 1074, 20, 12.5 * MB, {}, 'giveUp'],
    ['256 MB with 8 MB/s over 100 Mbit/s', 256, 8, 12.5 * MB, {}, 'switch'],
    ['256 MB with 8 MB/s and 300 ms', 256, 8, GIGABIT, { maxDowntimeMs: 300 }, 'switch'],
    ['256 MB with 8 MB/s and 10 ms', 256, 8, GIGABIT, { maxDowntimeMs: 10 }, 'giveUp'],
  ])('of %s comes to its end', (_sentence, megabytes, changing, link, more, action) => {
    const end = settle(megabytes, changing, link, more);
    expect(end.action).toBe(action);
    expect(end.rounds).toBeLessThanOrEqual(MAX_ROUNDS);
  });

  const anyRound = fc.record({
    megabytes: fc.double({ min: 0.001, max: 4000, noNaN: true }),
    changing: fc.double({ min: 0, max: 10_000, noNaN: true }),
    link: fc.double({ min: 0.01, max: 5000, noNaN: true }),
    maxDowntimeMs: fc.option(fc.integer({ min: 1, max: 100_000 })),
    allowThrottle: fc.boolean(),
  });

  test('ends within the rounds that are allowed, whatever the compute writes and the link carries', () => {
    fc.assert(
      fc.property(anyRound, ({ megabytes, changing, link, ...more }) => {
        const end = settle(megabytes, changing, link * MB, more);
        expect(end.rounds).toBeLessThanOrEqual(MAX_ROUNDS);
      }),
    );
  });

  test('never switches when the freeze is expected to take longer than it may', () => {
    fc.assert(
      fc.property(anyRound, ({ megabytes, changing, link, maxDowntimeMs, ...more }) => {
        const limit = maxDowntimeMs ?? 250;
        const end = settle(megabytes, changing, link * MB, { ...more, maxDowntimeMs: limit });
        if (end.action === 'switch') expect(end.expectedFreezeMs).toBeLessThanOrEqual(limit);
      }),
    );
  });

  test('a reason is given for every decision', () => {
    const one = fc.record({ megabytes: fc.nat(500), changing: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(one, { maxLength: MAX_ROUNDS + 2 }), (list) => {
        const rounds = list.map(({ megabytes, changing }) => round(megabytes, changing));
        expect(decideNextRound(facts(rounds)).reason.length).toBeGreaterThan(10);
      }),
    );
  });
});

test('the constants fit together', () => {
  expect(STALLED_ROUNDS).toBeLessThan(MAX_ROUNDS);
  expect(DEFAULT_FIXED_FREEZE_MS).toBeGreaterThan(0);
  expect([...THROTTLE_STEPS].sort((a, b) => b - a)).toEqual([...THROTTLE_STEPS]);
});

test.each<[string, number, number | null, number]>([
  ['nothing but what a freeze costs anyway, for no memory', 0, null, 120],
  ['the time of a link of 1 Gbit/s for all of the memory', 125_000_000, null, 1120],
  ['the time of the link that it may take', 125_000_000, 12_500_000, 10_120],
  ['no less than that of a link of 1 Gbit/s, whatever it may take', 125_000_000, 1e12, 1120],
])('before any round a freeze is expected to take %s', (_what, memoryBytes, limit, expected) => {
  expect(freezeWithoutRounds({ memoryBytes, fixedFreezeMs: 120 }, limit)).toBe(expected);
});
