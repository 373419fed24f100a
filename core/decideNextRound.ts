import type { Round } from './migration.ts';

/** What is known of one round when the next step is decided. */
export interface RoundFacts {
  /** Pages sent, and their bytes before compression. */
  pages: number;
  bytes: number;
  wireBytes: number;
  /** From its begin to the target's word that it has all of it, milliseconds. */
  ms: number;
  /** Of that, until all pages had been looked at. */
  scanMs: number;
  /** Changed pages a second since the round before; 0 for the first. */
  dirtyPagesPerSecond: number;
  /** Measured in this round, wire bytes a second; null when too little was sent to tell. */
  linkBytesPerSecond: number | null;
  /** Pages that had changed again at its end; null where only another round tells. */
  leftPages?: number | null;
}

export interface PrecopyFacts {
  /** All rounds so far, oldest first. */
  rounds: RoundFacts[];
  /** Resident memory of the computes, bytes. */
  memoryBytes: number;
  /** What a freeze costs without any page, milliseconds: of this compute's earlier moves, else DEFAULT_FIXED_FREEZE_MS. */
  fixedFreezeMs: number;
  /** What a client may wait at most; null when nothing was asked for. */
  maxDowntimeMs: number | null;
  /** Whether the computes may be slowed down, and the share of processor time that they have now. */
  allowThrottle: boolean;
  throttle: number;
  /** Everything is armed: these are the source's own last rounds. */
  closing: boolean;
}

export interface NextRound {
  action: 'round' | 'switch' | 'giveUp' | 'throttle';
  /** One sentence with figures, for a person. */
  reason: string;
  /** What a freeze now would cost, milliseconds, and what it would send. */
  expectedFreezeMs: number;
  expectedBytes: number;
  /** With `throttle`: the share of processor time that the computes keep. */
  throttleTo?: number;
  /** With `giveUp`. */
  code?: 'notConverging' | 'downtimeNotMet';
  mend?: string;
}

/**
 * Measured on two cores: freeze, plug, dump, restore and hand-over of a small container take 90 to 140 ms
 * (docs/performance.md). The history of a compute's own moves replaces it.
 */
export const DEFAULT_FIXED_FREEZE_MS = 120;
/** As many as Xen makes before it stops the guest (Clark et al., Live Migration of Virtual Machines, NSDI 2005: 30). */
export const MAX_ROUNDS = 30;
/** And no more traffic than three times the memory, as Xen's max_factor has it. */
export const MAX_TRAFFIC_FACTOR = 3;
/** A round that leaves more than this share of what the one before left no longer converges. */
export const SHRINKING = 0.8;
/** So many rounds in a row without shrinking end the loop: a single one may have met a burst. */
export const STALLED_ROUNDS = 2;
/** Below this another round gains less than the noise of the freeze itself, milliseconds. */
export const WORTH_MS = 15;
/**
 * With nothing asked for, the most that may have to be sent in the freeze, milliseconds of the link: QEMU's
 * downtime-limit is 300 ms by default.
 */
export const DIFFERENCE_LIMIT_MS = 300;
/** Rounds right before the freeze: each takes about as long as a scan; more would only wait. */
export const CLOSING_ROUNDS = 3;
/** Steps of the throttle, as shares of processor time; QEMU's auto-converge takes 20 % first, then 10 % more a step. */
export const THROTTLE_STEPS = [0.7, 0.5, 0.3, 0.15] as const;
/** What a page that has changed costs on the wire at most. */
const PAGE = 4096;
/** A link that was never the slowest part is taken for at least this fast: 1 Gbit/s. */
const ASSUMED_LINK = 125_000_000;

/** What happens after a round: another one, the switch, slowing the computes down, or giving up. */
export function decideNextRound(facts: PrecopyFacts): NextRound {
  const { rounds, maxDowntimeMs } = facts;
  const last = rounds.at(-1);
  if (!last)
    return {
      action: 'round',
      reason: 'nothing has been copied yet',
      expectedFreezeMs: facts.fixedFreezeMs,
      expectedBytes: facts.memoryBytes,
    };
  const expected = expect(facts, last);
  const base = { expectedFreezeMs: expected.freezeMs, expectedBytes: expected.bytes };
  const left = `${mb(expected.bytes)} would be sent in a freeze of about ${ms(expected.freezeMs)}`;
  if (maxDowntimeMs !== null && expected.freezeMs <= maxDowntimeMs && !pays(facts, expected))
    return { action: 'switch', reason: `${left}, within the ${ms(maxDowntimeMs)} allowed`, ...base };
  const another = anotherRound(facts, expected);
  if (another !== null) return { action: 'round', reason: `${left}: ${another}`, ...base };
  if (maxDowntimeMs === null) {
    if (expected.sendMs <= DIFFERENCE_LIMIT_MS)
      return { action: 'switch', reason: `${left}; more rounds would gain nothing`, ...base };
  } else if (expected.freezeMs <= maxDowntimeMs) {
    return { action: 'switch', reason: `${left}, within the ${ms(maxDowntimeMs)} allowed`, ...base };
  }
  const throttleTo = facts.allowThrottle && !facts.closing ? nextThrottle(facts.throttle) : null;
  if (throttleTo !== null)
    return {
      action: 'throttle',
      throttleTo,
      reason: `${left}, and rounds stopped shrinking: the compute is slowed to ${Math.round(throttleTo * 100)} % of its processor time`,
      ...base,
    };
  return { ...giveUp(facts, last, expected, left), ...base };
}

/** A round before anybody has decided what comes next. */
export interface MeasuredRound extends Omit<Round, 'closing' | 'decision' | 'reason' | 'expectedFreezeMs'> {
  /** As RoundFacts have it; not of the record. */
  leftPages: number | null;
}

/** A round as it stands in the record, with what was decided after it. */
export function recordedRound(
  { leftPages: _, ...figures }: MeasuredRound,
  { action: decision, reason, expectedFreezeMs }: NextRound,
  closing: boolean,
): Round {
  return { ...figures, closing, decision, reason, expectedFreezeMs };
}

/** What a freeze before any round would cost, milliseconds: all of the memory would have to be sent in it. */
export function freezeWithoutRounds(
  { memoryBytes, fixedFreezeMs }: Pick<PrecopyFacts, 'memoryBytes' | 'fixedFreezeMs'>,
  limitBytesPerSecond: number | null,
): number {
  const link = Math.min(ASSUMED_LINK, limitBytesPerSecond ?? ASSUMED_LINK);
  return Math.round(fixedFreezeMs + (memoryBytes / link) * 1000);
}

interface Expected {
  bytes: number;
  /** Milliseconds of the link. */
  sendMs: number;
  freezeMs: number;
  linkBytesPerSecond: number;
}

/** Until the freeze as many pages change as in the time that a round of this size takes. */
function expect({ rounds, fixedFreezeMs }: PrecopyFacts, last: RoundFacts): Expected {
  // Small rounds spend their time on looking, not on the link: the fastest says most about it.
  const speeds = rounds.flatMap(({ linkBytesPerSecond: speed }) => (speed === null ? [] : [speed]));
  const linkBytesPerSecond = Math.max(1, speeds.length === 0 ? ASSUMED_LINK : Math.max(...speeds));
  const ratio = last.bytes > 0 ? Math.min(1, last.wireBytes / last.bytes) : 1;
  // After the first round nothing is known of what changes, unless the kernel can say: as much again is the worst case.
  const known = last.leftPages ?? null;
  const bytes =
    rounds.length === 1
      ? Math.round((known === null ? last.bytes : known * PAGE) * ratio)
      : Math.round(Math.min(last.bytes * 2, (last.dirtyPagesPerSecond * PAGE * last.ms) / 1000) * ratio);
  const sendMs = (bytes / linkBytesPerSecond) * 1000;
  // Looking for what has changed goes on beside dump and restore, sending beside looking: the longest counts.
  const freezeMs = Math.max(fixedFreezeMs, Math.min(last.scanMs, fixedFreezeMs * 2) / 2 + sendMs, sendMs);
  return { bytes, sendMs, freezeMs, linkBytesPerSecond };
}

/** Whether a further round, as good as the last, would shorten the freeze by more than its noise. */
function pays({ rounds, fixedFreezeMs }: PrecopyFacts, { freezeMs }: Expected): boolean {
  return freezeMs - fixedFreezeMs > WORTH_MS && !stalled(rounds) && rounds.length < MAX_ROUNDS;
}

/** Why another round is worth it; null when it is not. */
function anotherRound(facts: PrecopyFacts, expected: Expected): string | null {
  const { rounds, closing, memoryBytes } = facts;
  if (rounds.length >= MAX_ROUNDS) return null;
  const traffic = rounds.reduce((sum, { bytes }) => sum + bytes, 0);
  if (memoryBytes > 0 && traffic > memoryBytes * MAX_TRAFFIC_FACTOR && rounds.length > 1) return null;
  if (!closing && rounds.length === 1 && (rounds[0]?.leftPages ?? null) === null)
    return 'what has changed since is not known yet';
  if (stalled(rounds)) return null;
  if (expected.freezeMs - facts.fixedFreezeMs <= WORTH_MS && expected.sendMs <= WORTH_MS) return null;
  return 'rounds still get shorter';
}

/** The last rounds did not leave clearly less than those before them. */
function stalled(rounds: RoundFacts[]): boolean {
  if (rounds.length <= STALLED_ROUNDS) return false;
  const recent = rounds.slice(-STALLED_ROUNDS - 1);
  return recent.slice(1).every(({ bytes }, index) => bytes > (recent[index]?.bytes ?? 0) * SHRINKING);
}

function nextThrottle(now: number): number | null {
  return THROTTLE_STEPS.find((step) => step < now) ?? null;
}

function giveUp(
  { maxDowntimeMs, allowThrottle, throttle }: PrecopyFacts,
  last: RoundFacts,
  { freezeMs, linkBytesPerSecond }: Expected,
  left: string,
): Pick<NextRound, 'action' | 'reason' | 'code' | 'mend'> {
  const dirty = `${((last.dirtyPagesPerSecond * PAGE) / 1e6).toFixed(1)} MB/s`;
  const link = `${Math.round((linkBytesPerSecond * 8) / 1e6)} Mbit/s`;
  const slower = allowThrottle
    ? `it was slowed to ${Math.round(throttle * 100)} % already`
    : 'allow it to be slowed down (--allow-throttle)';
  if (maxDowntimeMs === null)
    return {
      action: 'giveUp',
      code: 'notConverging',
      reason: `The compute writes faster than the link carries: it changes ${dirty} and the link carries ${link}; ${left}.`,
      mend: `Use a faster link or a quieter time; ${slower}; or accept a longer freeze (--max-downtime ${Math.ceil(freezeMs / 100) * 100}).`,
    };
  return {
    action: 'giveUp',
    code: 'downtimeNotMet',
    reason: `The freeze cannot be kept within ${ms(maxDowntimeMs)}: ${left}.`,
    mend: `Allow ${Math.ceil(freezeMs / 10) * 10} ms (--max-downtime), use a faster link or a quieter time, or ${slower}.`,
  };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
