import type { Cause } from './cause.ts';
import type { ComputeState } from './compute.ts';
import { unsettledMove } from './unsettledMove.ts';

/** A compute as far as it matters to whether it can be moved. */
export interface MovableCompute {
  name: string;
  state: ComputeState;
  placement: { transferId: string | null } | null;
}

/** What forbids to move a compute now, whatever the target. */
export function movableCauses({ name, state, placement }: MovableCompute): Cause[] {
  if (state === 'running') return placement?.transferId == null ? [] : [unsettledMove(name)];
  return [
    {
      code: 'notRunning',
      message: `Compute ${name} is ${state}; only a running one can be moved.`,
      mend:
        state === 'stopped'
          ? 'Start it first with `drayage compute start`.'
          : 'Wait, or look at `drayage compute show`.',
    },
  ];
}
