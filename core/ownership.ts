import type { Verdict } from './transfer.ts';

/**
 * The ownership protocol of one transfer, as pure decisions (models in docs/model).
 * Each party says its durable state to the other and to the control plane; a state is a message and a message is a state,
 * so that anything may be lost, doubled, late or out of order. Nothing here reads a clock.
 */

/** The source's durable state of one transfer, in journal order. */
export const SourceState = {
  /** Network detached, processes frozen; nobody else can restore yet, so the source may thaw alone. */
  frozen: 'frozen',
  /** Written before the manifest leaves: from here the target may be able to restore. */
  offered: 'offered',
  /** It will not hand over by itself any more; thaws on a witness only. */
  aborting: 'aborting',
  /** It may thaw; written before it does. */
  thawing: 'thawing',
  /** Final: runs here again. */
  thawed: 'thawed',
  /** `go` is given. Only `discarded` lets it thaw. */
  handed: 'handed',
  /** Final: the target is live, the copy here may be killed. */
  released: 'released',
} as const;
export type SourceState = (typeof SourceState)[keyof typeof SourceState];

/** The target's durable state of one transfer. `none` is what a target says that never held anything of it. */
export const TargetState = {
  none: 'none',
  /** Restored or being restored behind shut queues. */
  held: 'held',
  /** THE COMMIT POINT: from here it only rolls forward. */
  owner: 'owner',
  /** Final: its copy is gone and never ran in the open. */
  discarded: 'discarded',
} as const;
export type TargetState = (typeof TargetState)[keyof typeof TargetState];

/** What a target tells: its durable state, and whether it is ready (held) or live (owner). */
export interface TargetStatus {
  state: TargetState;
  /** Held: restored, queues shut, files on disk. */
  ready: boolean;
  /** Owner: its gate is open. */
  live: boolean;
}

export interface Decision<A extends string> {
  action: A;
  reason: string;
}

export type SourceAction = 'wait' | 'thaw' | 'offer' | 'abort' | 'handOver' | 'release' | 'finished';

/** What the source knows when it decides. */
export interface SourceView {
  state: SourceState;
  /** The target's last status for this very transfer; null when unheard. */
  target: TargetStatus | null;
  verdict: Verdict;
  /** Why it would rather stop (a failure, an abort asked for, a silent peer); null while all is well. */
  trouble: string | null;
  /** All that a restore needs has been dumped. */
  dumped: boolean;
}

/** The source's next durable step. */
export function decideSource(view: SourceView): Decision<SourceAction> {
  const { state, target, verdict, trouble } = view;
  const discarded = target?.state === 'discarded';
  const live = target?.state === 'owner' && target.live;
  switch (state) {
    case 'frozen':
      if (trouble !== null) return { action: 'thaw', reason: `nothing was offered yet: ${trouble}` };
      if (view.dumped) return { action: 'offer', reason: 'all state is dumped' };
      return { action: 'wait', reason: 'dumping' };
    case 'offered':
      if (discarded) return { action: 'thaw', reason: 'the target discarded its copy' };
      if (live || target?.state === 'owner')
        return { action: 'handOver', reason: 'the target owns the compute' };
      if (verdict === 'abort') return { action: 'thaw', reason: 'the control plane decided abort' };
      if (verdict === 'go') return { action: 'handOver', reason: 'the control plane decided go' };
      if (trouble !== null) return { action: 'abort', reason: trouble };
      if (target?.state === 'held' && target.ready)
        return { action: 'handOver', reason: 'the target is ready' };
      return { action: 'wait', reason: 'the target is restoring' };
    case 'aborting':
      if (discarded) return { action: 'thaw', reason: 'the target discarded its copy' };
      if (target?.state === 'owner') return { action: 'handOver', reason: 'the target owns the compute' };
      if (verdict === 'abort') return { action: 'thaw', reason: 'the control plane decided abort' };
      if (verdict === 'go') return { action: 'handOver', reason: 'the control plane decided go' };
      return { action: 'wait', reason: 'neither the target nor the control plane has answered' };
    case 'handed':
      if (live) return { action: 'release', reason: 'the target is live' };
      if (discarded) return { action: 'thaw', reason: 'the target lost its copy before it opened' };
      return { action: 'wait', reason: 'the target has not said that it is live' };
    case 'thawing':
      return { action: 'thaw', reason: 'thawing was under way' };
    case 'thawed':
      return { action: 'finished', reason: 'the compute runs on the source' };
    case 'released':
      return { action: 'finished', reason: 'the compute runs on the target' };
  }
}

/** `unbegun`: the source has written nothing of the transfer, and never will. */
export type AbortAction = 'stopped' | 'tooLate' | 'wait';

/**
 * What a person who asks to stop the move is answered, by what the source has written. It follows the protocol and adds
 * nothing to it: the request is one more trouble of the source's, and what comes of that is in its journal.
 */
export function answerAbort(state: SourceState | 'unbegun'): Decision<AbortAction> {
  switch (state) {
    case 'unbegun':
      return { action: 'stopped', reason: 'The compute was never frozen; it runs on on the source.' };
    case 'thawing':
    case 'thawed':
      return { action: 'stopped', reason: 'The source has taken the compute back; it runs on there.' };
    case 'handed':
      return {
        action: 'tooLate',
        reason: 'The source has handed the compute over; it goes on on the target.',
      };
    case 'released':
      return { action: 'tooLate', reason: 'The compute runs on the target.' };
    case 'frozen':
    case 'offered':
    case 'aborting':
      return { action: 'wait', reason: 'It is not decided yet which of the two devices goes on.' };
  }
}

export type TargetAction = 'wait' | 'own' | 'open' | 'discard' | 'finished';

/** What the target knows when it decides. */
export interface TargetView {
  state: TargetState;
  /** Its copy: being restored, restored and shut, open, or gone. */
  copy: 'none' | 'restoring' | 'ready' | 'open' | 'lost';
  /** The source's last state for this very transfer; null when unheard, 'unknown' when the source has no record of it. */
  source: SourceState | 'unknown' | null;
  verdict: Verdict;
}

/** The target's next durable step. */
export function decideTarget(view: TargetView): Decision<TargetAction> {
  const { state, copy, source, verdict } = view;
  switch (state) {
    case 'owner':
      return copy === 'open'
        ? { action: 'finished', reason: 'the compute runs here' }
        : { action: 'open', reason: 'it is the owner and not open yet' };
    case 'discarded':
      return { action: 'finished', reason: 'its copy is gone' };
    case 'none':
    case 'held':
      if (verdict === 'abort') return { action: 'discard', reason: 'the control plane decided abort' };
      if (source === 'aborting' || source === 'thawing' || source === 'thawed')
        return { action: 'discard', reason: 'the source takes the compute back' };
      if (copy === 'lost') return { action: 'discard', reason: 'its copy is lost' };
      if (state === 'held' && copy === 'ready' && source === 'handed')
        return { action: 'own', reason: 'the source handed over' };
      if (state === 'held' && copy === 'ready' && verdict === 'go')
        return { action: 'own', reason: 'the control plane decided go' };
      return { action: 'wait', reason: copy === 'ready' ? 'waiting for go' : 'not restored yet' };
  }
}
