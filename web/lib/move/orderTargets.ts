import type { Schemas } from '../../../client/createClient.ts';
import { byName } from '../state/collections.ts';

export type Target = Schemas['ComputeTarget'];

/** Those that can take it first, the shortest freeze first; the others by name. */
export function orderTargets(targets: readonly Target[]): Target[] {
  return targets.toSorted((one, other) => {
    if (one.ok !== other.ok) return one.ok ? -1 : 1;
    const byFreeze = (one.predicted?.freezeMs ?? 0) - (other.predicted?.freezeMs ?? 0);
    return byFreeze === 0 ? byName(one.device, other.device) : byFreeze;
  });
}

/** All that speaks against a target, as one text. */
export function causesText({ causes }: Pick<Target, 'causes'>): string {
  return causes.map(({ message, mend }) => (mend === '' ? message : `${message} ${mend}`)).join('\n');
}
