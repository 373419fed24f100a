import type { ComputeSpec, ComputeState } from './compute.ts';

/** Computes that are owned as one, on a device that was declared dead. */
export interface LostGroup {
  /** A move of it has begun its hot window and is not closed. */
  transferOpen: boolean;
  /** The last checkpoint of its compute; null: there is none. */
  checkpoint: {
    /** What the device that has it says: `lives` where it granted the compute a lease a moment ago; null: it does not answer. */
    keeper: { lives: boolean } | null;
  } | null;
  computes: readonly {
    name: string;
    state: ComputeState;
    desired: 'running' | 'stopped';
    spec: Pick<ComputeSpec, 'protection' | 'restartPolicy'>;
  }[];
}

export interface FailoverDecision {
  /**
   * `restore`: from the checkpoint, on the device that has it. `restart`: afresh, on any. `wait`: look again. `leave`: they come
   * back with their device, or not at all.
   */
  action: 'restore' | 'restart' | 'wait' | 'leave';
  reason: string;
}

/** In which states a compute ran, or was about to, on the device that was lost; `lost`: no other device could take it yet. */
const LIVING: readonly ComputeState[] = ['running', 'migrating', 'creating', 'lost'];

/** What becomes of a group whose device was declared dead; its lease has run out, so nothing of it can be reached there. */
export function decideFailover({ transferOpen, computes, checkpoint }: LostGroup): FailoverDecision {
  for (const { name, state, desired, spec } of computes) {
    if (spec.protection === undefined) return leave(`${name} may not be started elsewhere`);
    if (desired === 'stopped' || !LIVING.includes(state)) return leave(`${name} did not run`);
    if (spec.protection.kind === 'checkpoint') {
      if (checkpoint === null) return leave(`there is no checkpoint of ${name} yet`);
    } else if (spec.restartPolicy.name !== 'always')
      return leave(`${name} is not to be started again: its restart policy is ${spec.restartPolicy.name}`);
  }
  if (computes.length === 0) return leave('nothing is left of it');
  if (transferOpen)
    return { action: 'wait', reason: 'a move of it is open: the other device of the move decides' };
  if (checkpoint === null)
    return { action: 'restart', reason: 'its device is lost and its lease has run out' };
  if (checkpoint.keeper === null)
    return { action: 'wait', reason: 'the device that has its checkpoint does not answer' };
  if (checkpoint.keeper.lives)
    return {
      action: 'wait',
      reason: 'its device is cut off, and lives by the word of the one that has its checkpoint',
    };
  return { action: 'restore', reason: 'its device is lost and its lease has run out' };
}

function leave(reason: string): FailoverDecision {
  return { action: 'leave', reason };
}
