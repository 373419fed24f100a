import type { Cause } from '../../../core/cause.ts';
import { formatDuration } from '../format/numbers.ts';
import { causesText, type Target } from '../move/orderTargets.ts';

/** What a device says to the compute that is dragged over the board. */
export interface DropVerdict {
  verdict: 'yes' | 'no' | 'here' | 'asking';
  words: string;
  /** All that speaks against it. */
  all: string;
}

const ASKING: DropVerdict = { verdict: 'asking', words: 'Asking whether it fits', all: '' };
const HERE: DropVerdict = { verdict: 'here', words: 'It is here', all: '' };

/** `targets`: null while they are not known; `held`: why it may not leave where it is. */
export function dropVerdict(
  deviceId: string,
  sourceId: string,
  targets: ReadonlyMap<string, Target> | null,
  held: Cause | null = null,
): DropVerdict {
  if (deviceId === sourceId) return HERE;
  if (held) return { verdict: 'no', words: held.message, all: `${held.message} ${held.mend}` };
  if (targets === null) return ASKING;
  const target = targets.get(deviceId);
  if (target === undefined) return { verdict: 'no', words: 'It takes no computes.', all: '' };
  if (!target.ok) return { verdict: 'no', words: target.causes[0]?.message ?? '', all: causesText(target) };
  return {
    verdict: 'yes',
    words: `Freeze about ${formatDuration(target.predicted?.freezeMs ?? 0)}`,
    all: '',
  };
}
