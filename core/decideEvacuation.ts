import type { Cause } from './cause.ts';
import { type EvacuationState, type LeftoverPolicy, MOST_ATTEMPTS } from './evacuation.ts';

/** What is known of an open evacuation before its next step. */
export interface EvacuationFacts {
  state: Extract<EvacuationState, 'running' | 'paused' | 'cancelling'>;
  policy: LeftoverPolicy;
  /** Milliseconds until its deadline, negative afterwards; null when it has none. */
  deadlineInMs: number | null;
  items: readonly ItemFacts[];
  /** Whether moves of other evacuations are under way, which may give room. */
  othersMove: boolean;
}

export interface ItemFacts {
  id: string;
  state: 'waiting' | 'moving' | 'moved' | 'left' | 'stopped' | 'gone';
  /** Of a waiting one: where it is going to be moved; null when it cannot be as things are. */
  target: string | null;
  /** Whether any of its computes runs: what does not run cannot be moved, and loses nothing by staying. */
  runs: boolean;
  /** Whether it is changing by itself (it is being made, or something else is done to it), so that it has to be looked at again. */
  settling: boolean;
  attempts: number;
  /** Until it may be tried again, milliseconds. */
  retryInMs: number;
}

export type EvacuationDecision =
  | { action: 'move'; reason: string }
  | { action: 'wait'; againInMs: number; reason: string }
  /** Those that run and could not be moved are stopped first. */
  | { action: 'stop'; items: string[]; reason: string }
  | { action: 'end'; state: 'succeeded' | 'incomplete' | 'cancelled'; reason: string };

/** What changes without anybody saying so is looked at again after this time, milliseconds. */
const LOOK_AGAIN_MS = 5_000;
/** A paused one is told when it goes on. */
const PAUSED_LOOK_MS = 60_000;

/** Whether an item may be given to the plan. */
export function mayBeTried({ state, attempts }: Pick<ItemFacts, 'state' | 'attempts'>): boolean {
  return state === 'waiting' && attempts < MOST_ATTEMPTS;
}

/** What an evacuation does next. Moves that are under way always end by themselves first. */
export function decideEvacuation(facts: EvacuationFacts): EvacuationDecision {
  const { state, items, deadlineInMs } = facts;
  const moving = items.filter((item) => item.state === 'moving').length;
  const waiting = items.filter((item) => item.state === 'waiting');
  if (state === 'cancelling') {
    if (moving > 0) return wait(`It is cancelled when ${moves(moving)} ended.`);
    const left = waiting.filter(({ runs }) => runs).length;
    return {
      action: 'end',
      state: 'cancelled',
      reason: `It was cancelled${left > 0 ? `; ${computes(left)} left where they were` : ''}.`,
    };
  }
  if (state === 'paused') return { ...wait('It is paused.'), againInMs: PAUSED_LOOK_MS };
  const late = deadlineInMs !== null && deadlineInMs <= 0;
  if (late) {
    if (moving > 0) return wait(`Its deadline has passed; ${moves(moving)} to end.`);
    const running = waiting.filter(({ runs }) => runs).map(({ id }) => id);
    if (running.length > 0 && facts.policy === 'stop')
      return {
        action: 'stop',
        items: running,
        reason: 'Its deadline has passed: what could not be moved is stopped.',
      };
    return end(items, 'Its deadline has passed.');
  }
  const ready = waiting.filter((item) => mayBeTried(item) && item.target !== null);
  if (ready.some(({ retryInMs }) => retryInMs <= 0))
    return { action: 'move', reason: `${computes(ready.length)} to be moved.` };
  if (moving > 0) return wait(`${moves(moving)} to end.`);
  const [next] = ready.map(({ retryInMs }) => retryInMs).toSorted((a, b) => a - b);
  if (next !== undefined)
    return {
      action: 'wait',
      againInMs: Math.min(next, LOOK_AGAIN_MS),
      reason: 'A move that failed is tried again.',
    };
  if (waiting.some(({ settling }) => settling)) return wait('Something else is being done to a compute.');
  const blocked = waiting.filter(({ runs }) => runs).length;
  if (blocked > 0 && facts.othersMove)
    return wait(`${computes(blocked)} may find room when other moves have ended.`);
  if (blocked > 0 && deadlineInMs !== null)
    return wait(
      `${computes(blocked)} cannot be moved as things are; that is looked at again until the deadline.`,
    );
  return end(items, '');
}

function wait(reason: string): Extract<EvacuationDecision, { action: 'wait' }> {
  return { action: 'wait', againInMs: LOOK_AGAIN_MS, reason };
}

function end(items: readonly ItemFacts[], why: string): EvacuationDecision {
  const left = items.filter(({ state, runs }) => state === 'waiting' && runs).length;
  const idle = items.filter(({ state, runs }) => state === 'waiting' && !runs).length;
  const moved = items.filter(({ state }) => state === 'moved').length;
  const stopped = items.filter(({ state }) => state === 'stopped').length;
  const parts = [
    `${computes(moved)} moved`,
    stopped > 0 ? `${computes(stopped)} stopped` : '',
    left > 0 ? `${computes(left)} could not be moved` : '',
    idle > 0 ? `${computes(idle)} left, which did not run` : '',
  ].filter(Boolean);
  return {
    action: 'end',
    state: left > 0 ? 'incomplete' : 'succeeded',
    reason: [why, `${parts.join(', ')}.`].join(' ').trim(),
  };
}

function moves(count: number): string {
  return `${String(count)} ${count === 1 ? 'move has' : 'moves have'}`;
}

function computes(count: number): string {
  return `${String(count)} ${count === 1 ? 'compute' : 'computes'}`;
}

/** What became of a move of an item, as its record says. */
export interface EndedMove {
  state: 'succeeded' | 'aborted' | 'rolledBack' | 'failed' | 'refused';
  reason: string;
  causes: readonly Cause[];
}

/** Something else was being done to the compute: it is tried again when that has ended, however often. */
const BUSY = ['migrationRunning', 'workflowRunning'];
/** Causes that lie with the compute or its device: another target would not help. */
const OF_THE_SOURCE = [...BUSY, 'computeNotRunning', 'notRunning', 'abortRequested'];

export type MoveEndDecision =
  | { action: 'done'; reason: string }
  /** `counts`: as one of its attempts. */
  | { action: 'again'; avoidTarget: boolean; counts: boolean; reason: string }
  | { action: 'giveUp'; reason: string };

/** Whether an item whose move has ended is done, is tried again (elsewhere, where the target may be at fault), or is left. */
export function decideMoveEnd(move: EndedMove, attempts: number): MoveEndDecision {
  if (move.state === 'succeeded') return { action: 'done', reason: move.reason };
  const because = (codes: readonly string[]) => move.causes.some(({ code }) => codes.includes(code));
  const counts = !because(BUSY);
  if (counts && attempts >= MOST_ATTEMPTS)
    return {
      action: 'giveUp',
      reason: `${String(attempts)} moves of it have not come to their end. The last: ${move.reason}`,
    };
  return {
    ...{ action: 'again', counts },
    avoidTarget: move.state !== 'aborted' && !because(OF_THE_SOURCE),
    reason: `Its move has ended as ${move.state}: ${move.reason}`,
  };
}
