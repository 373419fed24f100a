import type { ComputeSpec, ComputeState } from './compute.ts';

/** Computes that are owned as one, on a device that was declared dead. */
export interface LostGroup {
  /** A move of it has begun its hot window and is not closed. */
  transferOpen: boolean;
  computes: readonly {
    name: string;
    state: ComputeState;
    desired: 'running' | 'stopped';
    spec: Pick<ComputeSpec, 'protection' | 'restartPolicy'>;
  }[];
}

export interface FailoverDecision {
  /** `wait`: look again. `leave`: they come back with their device, or not at all. */
  action: 'restart' | 'wait' | 'leave';
  reason: string;
}

/** In which states a compute ran, or was about to, on the device that was lost; `lost`: no other device could take it yet. */
const LIVING: readonly ComputeState[] = ['running', 'migrating', 'creating', 'lost'];

/** What becomes of a group whose device was declared dead; its lease has run out, so nothing of it can be reached there. */
export function decideFailover({ transferOpen, computes }: LostGroup): FailoverDecision {
  for (const { name, state, desired, spec } of computes) {
    if (spec.protection === undefined) return leave(`${name} may not be started elsewhere`);
    if (desired === 'stopped' || !LIVING.includes(state)) return leave(`${name} did not run`);
    if (spec.restartPolicy.name !== 'always')
      return leave(`${name} is not to be started again: its restart policy is ${spec.restartPolicy.name}`);
  }
  if (computes.length === 0) return leave('nothing is left of it');
  if (transferOpen)
    return { action: 'wait', reason: 'a move of it is open: the other device of the move decides' };
  return { action: 'restart', reason: 'its device is lost and its lease has run out' };
}

function leave(reason: string): FailoverDecision {
  return { action: 'leave', reason };
}
