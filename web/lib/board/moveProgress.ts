import { sentBytes } from '../migration/describeMove.ts';
import type { Migration } from '../state/collections.ts';

/** Where the bar begins in each state; copying memory fills what lies between. */
const BEGINS = { pending: 0, preflight: 0.03, preparing: 0.08, precopying: 0.15 } as const;
const COPIED = 0.85;
const SWITCHING = 0.9;
const RELEASING = 0.96;

/**
 * How far a move is, 0 to 1: by its state, and while memory is copied by what went over the wire against what was predicted.
 * It never says that all is done: that only the end of the move can.
 */
export function moveShare(
  move: Pick<Migration, 'state' | 'rounds' | 'progress' | 'predicted' | 'wireBytes'>,
): number {
  const { state, rounds, progress, predicted } = move;
  if (state === 'switching') return SWITCHING;
  if (state === 'releasing') return RELEASING;
  if (state === 'pending' || state === 'preflight' || state === 'preparing') return BEGINS[state];
  if (state !== 'precopying') return 1;
  if (predicted !== null && predicted.wireBytes > 0)
    return (
      BEGINS.precopying + (COPIED - BEGINS.precopying) * Math.min(1, sentBytes(move) / predicted.wireBytes)
    );
  // Each round is shorter than the one before it: half of what is left.
  const round = Math.max(1, progress?.round ?? rounds.length);
  return BEGINS.precopying + (COPIED - BEGINS.precopying) * (1 - 0.5 ** round);
}
