import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decideReport,
  decideVerdict,
  type TransferFacts,
  type TransferReport,
  type TransferRole,
  verdictAnswer,
  type VerdictWish,
} from './transfer.ts';

const open: TransferFacts = { verdict: 'none', outcome: null, closed: false };

describe('decideVerdict', () => {
  const cases: [TransferFacts, TransferRole, VerdictWish, string][] = [
    [open, 'source', 'abort', 'giveAbort'],
    [open, 'target', 'go', 'giveGo'],
    [open, 'source', 'go', 'keep'],
    [open, 'target', 'abort', 'keep'],
    [open, 'source', 'verdict', 'keep'],
    [open, 'target', 'verdict', 'keep'],
    [{ ...open, verdict: 'go' }, 'source', 'abort', 'keep'],
    [{ ...open, verdict: 'abort', closed: true }, 'target', 'go', 'keep'],
    [{ verdict: 'go', outcome: 'owner', closed: true }, 'source', 'abort', 'keep'],
  ];
  it.each(cases)('%j: a %s that wants %s: %s', (facts, role, wants, action) => {
    expect(decideVerdict(facts, role, wants).action).toBe(action);
  });
});

describe('any history of a transfer', () => {
  type Step = { ask: [TransferRole, VerdictWish] } | { report: TransferReport };
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      ask: fc.tuple(
        fc.constantFrom<TransferRole>('source', 'target'),
        fc.constantFrom<VerdictWish>('abort', 'go', 'verdict'),
      ),
    }),
    fc.record({ report: fc.constantFrom<TransferReport>('owner', 'discarded', 'thawed', 'released') }),
  );

  /** Applies the decisions as db/ does; returns each state, and how often the placement moved. */
  function play(steps: Step[]): { states: TransferFacts[]; moves: string[] } {
    let facts = open;
    const states = [facts];
    const moves: string[] = [];
    for (const one of steps) {
      if ('ask' in one) {
        const { action } = decideVerdict(facts, ...one.ask);
        if (action === 'giveGo') facts = { ...facts, verdict: 'go' };
        if (action === 'giveAbort') {
          facts = { ...facts, verdict: 'abort', closed: true };
          moves.push('keep');
        }
      } else {
        const decision = decideReport(facts, one.report);
        if (decision.action === 'close') {
          facts = { verdict: decision.verdict, outcome: decision.outcome, closed: true };
          moves.push(decision.placement);
        }
      }
      states.push(facts);
    }
    return { states, moves };
  }

  it('gives one verdict, closes once, and gives the group to one side', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { states, moves } = play(steps);
        const verdicts = new Set(
          states.map(({ verdict }) => verdict).filter((verdict) => verdict !== 'none'),
        );
        expect(verdicts.size).toBeLessThanOrEqual(1);
        expect(moves.length).toBeLessThanOrEqual(1);
        const last = states.at(-1)!;
        expect(moves.length === 1).toBe(last.closed);
        if (last.outcome === 'owner') expect(moves).toEqual(['advance']);
        else expect(moves).not.toContain('advance');
        // Once the source was told that it may thaw, no answer ever says go again.
        const told = states.map((facts) => verdictAnswer(facts).verdict);
        const aborted = told.indexOf('abort');
        if (aborted !== -1) expect(told.slice(aborted)).not.toContain('go');
      }),
    );
  });
});
