import { expect, test } from 'vitest';
import type { Progress, Round } from '../../core/migration.ts';
import { ClosingRounds } from './closingRounds.ts';
import type { RoundFigures } from './stream/memorySession.ts';

const figures = (round: number): RoundFigures => ({
  ...{ round, pages: 10, bytes: 40_960, wireBytes: 40_960, ms: 10, scanMs: 5, zeroPages: 0, knownPages: 0 },
  ...{ lookedPages: 1000, dirtyPagesPerSecond: 0, linkBytesPerSecond: null, leftPages: null },
});
const earlier: Round = {
  ...figures(1),
  ...{ closing: false, decision: 'switch', reason: 'It pays.', expectedFreezeMs: 321 },
};

test('each closing round posts how far it is, with the freeze that was predicted last', async () => {
  const posted: Progress[] = [];
  const memory = {
    round: (_migration: string, round: number) => Promise.resolve(figures(round)),
  };
  const options = { maxDowntimeMs: null, memoryBytes: 4_096_000, fixedFreezeMs: 120, rounds: [earlier] };
  const closing = new ClosingRounds(memory, 'mig_1', options, (now) => {
    posted.push(now);
    return Promise.resolve();
  });
  await closing.run();
  expect(closing.rounds.length).toBeGreaterThan(0);
  expect(posted.map(({ round }) => round)).toEqual(closing.rounds.map(({ round }) => round));
  expect(posted[0]).toMatchObject({ round: 2, expectedFreezeMs: 321 });
});
