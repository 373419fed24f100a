import type {
  MemoryEndInput,
  OpenMemoryInput,
  RoundEndingInput,
  RoundInput,
  ThrottleInput,
} from '../../core/memoryInput.ts';
import type { MeasuredRound } from '../../core/decideNextRound.ts';
import type { TransferInput } from '../../core/moveInput.ts';

/** How the memory of a group of computes is going to move. */
export interface MemoryPlan {
  tracker: { name: 'soft-dirty' | 'write-protect' | 'content'; reason: string };
  restore: { mode: 'lazy' | 'eager'; reason: string };
  /** Resident memory of all of its processes, bytes. */
  memoryBytes: number;
  /** Whether rounds can be made; if not, all memory is copied in the freeze. */
  copies: boolean;
}

export interface FillResult {
  state: 'filled' | 'failed' | 'none';
  pages: number;
  /** How long it took until every page had been handed over, milliseconds. */
  ms: number;
  reason: string;
}

/** A device's part in copying memory while computes run, and in filling it in after. */
export interface MemoryActivities {
  /** Source: begins; the target makes its page store. What an earlier attempt had is dropped. */
  openMemory(input: OpenMemoryInput): Promise<MemoryPlan>;
  /** Source: one pass over the memory of the running computes. */
  copyRound(input: RoundInput): Promise<MeasuredRound>;
  /** Source: waits until the first round is expected to be over soon, or is over. */
  awaitRoundEnding(input: RoundEndingInput): Promise<void>;
  /** Source: gives the computes a share of their processor time; 1 takes that off. */
  throttleComputes(input: ThrottleInput): Promise<void>;
  /** Either side: ends helpers, drops pages. Nothing there is no error. */
  closeMemory(input: MemoryEndInput): Promise<void>;
  /** Target: waits until every page has been handed over to the running computes. */
  awaitFilled(input: TransferInput): Promise<FillResult>;
}
