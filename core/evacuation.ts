import { z } from 'zod';

/** What moves computes in numbers: off a device, back to it, or to where they do better. */
export const EvacuationKind = { evacuate: 'evacuate', return: 'return', rebalance: 'rebalance' } as const;
export type EvacuationKind = (typeof EvacuationKind)[keyof typeof EvacuationKind];

export const EvacuationState = {
  running: 'running',
  paused: 'paused',
  /** Nothing more is started; what moves ends first. */
  cancelling: 'cancelling',
  /** Nothing is left to be moved. */
  succeeded: 'succeeded',
  /** Something could not be moved; the items say what and why. */
  incomplete: 'incomplete',
  cancelled: 'cancelled',
  failed: 'failed',
} as const;
export type EvacuationState = (typeof EvacuationState)[keyof typeof EvacuationState];

export const OPEN_EVACUATION_STATES: readonly EvacuationState[] = ['running', 'paused', 'cancelling'];

/** What an evacuation has to do with one group of computes. */
export const ItemState = {
  waiting: 'waiting',
  moving: 'moving',
  moved: 'moved',
  /** It could not be moved, and is still where it was. */
  left: 'left',
  /** It was stopped, for it could not be moved before the deadline. */
  stopped: 'stopped',
  /** It went by itself: deleted, or moved by somebody else. */
  gone: 'gone',
} as const;
export type ItemState = (typeof ItemState)[keyof typeof ItemState];

/** What becomes of what cannot be moved before the deadline. */
export const LEFTOVER_POLICIES = ['leave', 'stop'] as const;
export type LeftoverPolicy = (typeof LEFTOVER_POLICIES)[number];

/** Most moves at once. */
export const capsSchema = z.object({
  /** That leave one device. */
  perSource: z.number().int().min(1).max(64),
  /** That come to one device. */
  perTarget: z.number().int().min(1).max(64),
  /** From one device to the same other one. */
  perLink: z.number().int().min(1).max(64),
  /** Of all moves, whoever began them. */
  overall: z.number().int().min(1).max(10_000),
});
export type Caps = z.infer<typeof capsSchema>;

/**
 * Two leave a device at once: while the one copies, the other is prepared or released, which is half of the time of a small
 * move. More would share its uplink, so that each copies for longer and writes more meanwhile. Two come to one for the same
 * reason, and since both of the incoming memories have to be there twice for a moment. One a link: two would only halve it.
 * Overall: a move is some fifteen activities, which take some seconds of the control plane's processors, so that six for each
 * processor keep it busy; this is for two. More at once only make each take longer, until signs of life stay away and moves are
 * given up: nearly all of two hundred at once (docs/scale.md).
 */
export const DEFAULT_CAPS: Caps = { perSource: 2, perTarget: 2, perLink: 1, overall: 12 };

/** All open evacuations together look so often at least, milliseconds: each look is a plan for all of them. */
const BETWEEN_LOOKS_MS = 500;

/**
 * After which time an evacuation looks again at what changes without anybody saying so, milliseconds. The ends of its own moves
 * are told; what it waits for besides is room and slots that others give back, and with many open each waits longer for these
 * rather than all of them planning without a pause. Its deadline is not looked past.
 */
export function lookAgainMs(wantedMs: number, open: number, deadlineInMs: number | null): number {
  const spaced = Math.max(wantedMs, open * BETWEEN_LOOKS_MS);
  return deadlineInMs !== null && deadlineInMs > 0
    ? Math.min(spaced, Math.max(wantedMs, deadlineInMs))
    : spaced;
}

/** After so many failed moves an item is left where it is. */
export const MOST_ATTEMPTS = 3;

/** Before the next attempt, by how many were made; seconds. */
export function retryAfterSeconds(attempts: number): number {
  return Math.min(60, 5 * 2 ** Math.max(0, attempts - 1));
}
