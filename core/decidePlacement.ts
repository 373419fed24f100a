import type { RestartPolicy } from './compute.ts';

/** What a device knows of one compute when its worker starts. */
export interface PlacementView {
  /** The control plane has it here. */
  placed: boolean;
  /** The control plane said that what is here of it is outdated; without that nothing is removed. */
  outdated: boolean;
  desired: 'running' | 'stopped';
  /** A transfer of it is open: its end decides. */
  transferOpen: boolean;
  restart: RestartPolicy['name'];
  /** A machine of the ownership protocol has it in hand. */
  busy: boolean;
  container: 'none' | 'stopped' | 'running';
}

export interface PlacementDecision {
  action: 'leave' | 'start' | 'remove' | 'tellStopped';
  reason: string;
}

/** What a worker does with a compute once the control plane has confirmed where it belongs. */
export function decidePlacement(view: PlacementView): PlacementDecision {
  if (view.busy || view.transferOpen) return { action: 'leave', reason: 'a transfer decides about it' };
  if (!view.placed) {
    if (view.container === 'none') return { action: 'leave', reason: 'nothing of it is here' };
    // Its database may be of an older backup, and know neither the compute nor that it came here.
    return view.outdated
      ? { action: 'remove', reason: 'it is placed on another device, or gone' }
      : { action: 'leave', reason: 'the control plane knows less of it than this device' };
  }
  if (view.container === 'running') return { action: 'leave', reason: 'it runs' };
  if (view.desired === 'stopped' || view.container === 'none')
    return { action: 'leave', reason: 'it is not meant to run, or not made yet' };
  if (view.restart === 'no')
    return {
      action: 'tellStopped',
      reason: 'it ended while no worker watched, and its policy is not to restart',
    };
  return { action: 'start', reason: 'it is meant to run, and the device was restarted' };
}
