import { FINAL_MIGRATION_STATES, type MigrationState } from '../../../core/migration.ts';
import type { Migration } from '../state/collections.ts';

/** Whether a move has not ended yet. */
export function isUnderWay(state: MigrationState): boolean {
  return !FINAL_MIGRATION_STATES.includes(state);
}

/** Where the bar begins in each state; copying memory fills what lies between. */
const BEGINS = { pending: 0, preflight: 0.03, preparing: 0.08, precopying: 0.15 } as const;
const COPIED = 0.85;
const SWITCHING = 0.9;
const RELEASING = 0.96;

/**
 * How far a move is, 0 to 1: by its state, and while memory is copied by what went over the wire against what was predicted.
 * It never says that all is done: that only the end of the move can.
 */
export function moveShare(move: Pick<Migration, 'state' | 'rounds' | 'progress' | 'predicted'>): number {
  const { state, rounds, progress, predicted } = move;
  if (state === 'switching') return SWITCHING;
  if (state === 'releasing') return RELEASING;
  if (state === 'pending' || state === 'preflight' || state === 'preparing') return BEGINS[state];
  if (state !== 'precopying') return 1;
  const begun = rounds.some(({ round }) => round === progress?.round) ? 0 : (progress?.wireBytes ?? 0);
  const sent = rounds.reduce((sum, { wireBytes }) => sum + wireBytes, begun);
  if (predicted !== null && predicted.wireBytes > 0)
    return BEGINS.precopying + (COPIED - BEGINS.precopying) * Math.min(1, sent / predicted.wireBytes);
  // Each round is shorter than the one before it: half of what is left.
  const round = Math.max(1, progress?.round ?? rounds.length);
  return BEGINS.precopying + (COPIED - BEGINS.precopying) * (1 - 0.5 ** round);
}
