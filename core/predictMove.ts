import { DEFAULT_FIXED_FREEZE_MS } from './decideNextRound.ts';
import type { Prediction } from './migration.ts';

/** Taken for a link of which nothing is known: 1 Gbit/s, in bytes a second. */
export const DEFAULT_LINK_BYTES_PER_SECOND = 125_000_000;
/** Of a move besides the copy of its memory: preflight, files, arming, release; milliseconds. Without moves to learn from. */
export const DEFAULT_OVERHEAD_MS = 4_000;

/** A move that was made. */
export interface PastMove {
  frozenMs: number;
  wireBytes: number;
  totalMs: number;
}

export interface MoveFacts {
  /** Moves of the same computes, newest first. */
  past: readonly PastMove[];
  /** Memory that they use; null when nobody has told. */
  memoryBytes: number | null;
  /** What the link between the two devices carried last, or others of the source; null when none was measured. */
  link: { bytesPerSecond: number; between: 'these' | 'others' } | null;
  /** What moves of other computes took besides their copies, milliseconds; null when there was none. */
  overheadMs?: number | null | undefined;
}

export interface MovePrediction extends Prediction {
  /** One sentence: what it was worked out from. */
  reason: string;
}

/**
 * What a move is going to cost, before anything of it is begun: from the moves before (medians) where there are any, else from
 * the memory in use. The move's own preflight and rounds measure it.
 */
export function predictMove({ past, memoryBytes, link, overheadMs: others }: MoveFacts): MovePrediction {
  const rate = link?.bytesPerSecond ?? DEFAULT_LINK_BYTES_PER_SECOND;
  const onWire = (bytes: number) => (bytes / rate) * 1000;
  const learnt = past.length > 0;
  const wireBytes = Math.round(learnt ? median(past.map((move) => move.wireBytes)) : (memoryBytes ?? 0));
  const overheadMs = learnt
    ? Math.max(0, median(past.map((move) => move.totalMs - onWire(move.wireBytes))))
    : (others ?? DEFAULT_OVERHEAD_MS);
  const freezeMs = learnt ? median(past.map((move) => move.frozenMs)) : DEFAULT_FIXED_FREEZE_MS;
  return {
    freezeMs: Math.round(freezeMs),
    wireBytes,
    totalMs: Math.round(overheadMs + onWire(wireBytes)),
    reason: `From ${fromWhat(past.length, memoryBytes)} and ${linkWords(link)}.`,
  };
}

/** What is known of a link, of what those of its device carried last, bytes a second, by the device at their other end. */
export function linkTo(speeds: ReadonlyMap<string, number>, target: string): MoveFacts['link'] {
  const own = speeds.get(target);
  if (own !== undefined) return { bytesPerSecond: own, between: 'these' };
  if (speeds.size === 0) return null;
  return { bytesPerSecond: Math.min(...speeds.values()), between: 'others' };
}

function fromWhat(moves: number, memoryBytes: number | null): string {
  if (moves === 1) return 'its last move';
  if (moves > 1) return `its last ${String(moves)} moves`;
  return memoryBytes === null ? 'what an empty compute takes' : 'the memory that it uses';
}

function linkWords(link: MoveFacts['link']): string {
  if (link === null) return 'a link of 1 Gbit/s, since none was measured';
  return link.between === 'these'
    ? 'what the link between the two carried last'
    : 'what other links of its device carried last';
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
