import { describe, expect, it } from 'vitest';
import {
  decideEvacuation,
  decideMoveEnd,
  type EndedMove,
  type EvacuationFacts,
  type ItemFacts,
} from './decideEvacuation.ts';
import { MOST_ATTEMPTS } from './evacuation.ts';

const item = (over: Partial<ItemFacts> = {}): ItemFacts => ({
  ...{ id: 'g', state: 'waiting', target: 'x', runs: true, settling: false, attempts: 0, retryInMs: 0 },
  ...over,
});
const blocked = item({ target: null });
const moving = item({ state: 'moving' });
const moved = item({ state: 'moved' });
const facts = (items: ItemFacts[], over: Partial<EvacuationFacts> = {}): EvacuationFacts => ({
  ...{ state: 'running', policy: 'leave', deadlineInMs: null, othersMove: false, items },
  ...over,
});

describe('decideEvacuation', () => {
  const cases: [string, EvacuationFacts, string, string?][] = [
    ['of nothing ends at once', facts([]), 'end', 'succeeded'],
    ['starts what can be moved', facts([item()]), 'move'],
    ['starts more while others move', facts([moving, item()]), 'move'],
    ['waits for what moves', facts([moving]), 'wait'],
    ['ends when everything has moved', facts([moved, moved]), 'end', 'succeeded'],
    [
      'ends when what is left has gone by itself',
      facts([moved, item({ state: 'gone' })]),
      'end',
      'succeeded',
    ],
    [
      'leaves what does not run, and is none the worse for it',
      facts([moved, item({ target: null, runs: false })]),
      'end',
      'succeeded',
    ],
    ['waits for a compute that is being made', facts([item({ target: null, settling: true })]), 'wait'],
    ['waits before it tries again', facts([item({ retryInMs: 3000, attempts: 1 })]), 'wait'],
    ['gives up after the last attempt', facts([item({ attempts: MOST_ATTEMPTS })]), 'end', 'incomplete'],
    ['ends incomplete when something finds no room', facts([moved, blocked]), 'end', 'incomplete'],
    ['waits for room that moves of others may give', facts([blocked], { othersMove: true }), 'wait'],
    ['tries until its deadline', facts([blocked], { deadlineInMs: 1000 }), 'wait'],
    ['starts nothing after its deadline', facts([item()], { deadlineInMs: 0 }), 'end', 'incomplete'],
    ['lets what moves end after its deadline', facts([moving, item()], { deadlineInMs: -1 }), 'wait'],
    [
      'stops what is left at its deadline, if asked',
      facts([blocked], { deadlineInMs: -1, policy: 'stop' }),
      'stop',
    ],
    [
      'has nothing to stop where nothing runs',
      facts([item({ runs: false, target: null })], { deadlineInMs: -1, policy: 'stop' }),
      'end',
      'succeeded',
    ],
    [
      'has emptied the device when the rest is stopped',
      facts([moved, item({ state: 'stopped', runs: false })], { deadlineInMs: -1, policy: 'stop' }),
      'end',
      'succeeded',
    ],
    ['starts nothing while it is paused', facts([item()], { state: 'paused' }), 'wait'],
    ['does not end while it is paused', facts([moved], { state: 'paused' }), 'wait'],
    [
      'is not over at its deadline while it is paused',
      facts([item()], { state: 'paused', deadlineInMs: -1 }),
      'wait',
    ],
    ['starts nothing when it is cancelled', facts([item()], { state: 'cancelling' }), 'end', 'cancelled'],
    ['waits for what moves when it is cancelled', facts([moving, item()], { state: 'cancelling' }), 'wait'],
  ];
  it.each(cases)('%s', (_what, given, action, state) => {
    const decision = decideEvacuation(given);
    expect(decision).toMatchObject({ action, ...(state === undefined ? {} : { state }) });
    expect(decision.reason).toMatch(/\.$/);
  });

  it('says how many were moved, stopped and left', () => {
    const stopped = item({ state: 'stopped', runs: false });
    const idle = item({ target: null, runs: false });
    expect(decideEvacuation(facts([moved, moved, stopped, blocked, idle])).reason).toBe(
      '2 computes moved, 1 compute stopped, 1 compute could not be moved, 1 compute left, which did not run.',
    );
  });

  it('looks again no later than the next attempt is due', () => {
    expect(decideEvacuation(facts([item({ retryInMs: 700, attempts: 1 })]))).toMatchObject({
      againInMs: 700,
    });
  });
});

describe('decideMoveEnd', () => {
  const end = (state: EndedMove['state'], code?: string): EndedMove => ({
    ...{ state, reason: 'So it was.' },
    causes: code === undefined ? [] : [{ code, message: 'm', mend: 'n' }],
  });
  const cases: [string, EndedMove, number, object][] = [
    ['is done when it has succeeded', end('succeeded'), 1, { action: 'done' }],
    ['is done though it was the last attempt', end('succeeded'), MOST_ATTEMPTS, { action: 'done' }],
    [
      'is tried elsewhere when the target has failed',
      end('rolledBack', 'restoreFailed'),
      1,
      { action: 'again', avoidTarget: true },
    ],
    [
      'is tried elsewhere when the target has refused',
      end('refused', 'memoryLacking'),
      1,
      { action: 'again', avoidTarget: true },
    ],
    ['is tried elsewhere without a cause', end('failed'), 2, { action: 'again', avoidTarget: true }],
    [
      'is tried at the same target when a person has stopped it',
      end('aborted'),
      1,
      { action: 'again', avoidTarget: false },
    ],
    [
      'is tried at the same target when the compute was busy',
      end('refused', 'workflowRunning'),
      1,
      { action: 'again', avoidTarget: false },
    ],
    [
      'is tried again, however often, when the compute was busy',
      end('refused', 'workflowRunning'),
      MOST_ATTEMPTS,
      { action: 'again', counts: false },
    ],
    [
      'is left after the last attempt',
      end('rolledBack', 'restoreFailed'),
      MOST_ATTEMPTS,
      { action: 'giveUp' },
    ],
  ];
  it.each(cases)('%s', (_what, move, attempts, expected) => {
    expect(decideMoveEnd(move, attempts)).toMatchObject(expected);
  });
});
