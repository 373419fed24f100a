export interface CompressionFacts {
  /** Compressed over plain size of the last sample. */
  ratio: number;
  /** How fast it was compressed, bytes of plain content a second. */
  compressBytesPerSecond: number;
  /** What the link carries; null when it has never been the slowest part. */
  linkBytesPerSecond: number | null;
  /** The compute is frozen: only time counts. */
  hurry: boolean;
}

/** Less saved than this is not worth the processor's time of both devices. */
const WORTH_RATIO = 0.9;
/** zstd's levels: 1 keeps up with a gigabit link on small processors, 3 is its own default for slower links. */
const FAST_LEVEL = 1;
const DENSE_LEVEL = 3;
/** Below this a link waits for the processor no more than the processor for it even at level 3: 200 Mbit/s. */
const SLOW_LINK = 25_000_000;

/** Whether a stream of memory is compressed from here on, and how hard. */
export function decideCompression({
  ratio,
  compressBytesPerSecond,
  linkBytesPerSecond,
  hurry,
}: CompressionFacts): { action: 'compress' | 'plain'; level: number; reason: string } {
  const saved = `it shrinks to ${Math.round(ratio * 100)} %`;
  if (ratio > WORTH_RATIO) return { action: 'plain', level: FAST_LEVEL, reason: `${saved}: not worth it` };
  const level = linkBytesPerSecond !== null && linkBytesPerSecond < SLOW_LINK ? DENSE_LEVEL : FAST_LEVEL;
  if (!hurry) return { action: 'compress', level, reason: saved };
  if (linkBytesPerSecond === null)
    return {
      action: 'plain',
      level: FAST_LEVEL,
      reason: `${saved}, but the link is faster than the processor`,
    };
  // One after the other: compressing b bytes and sending what is left of them, against sending b bytes.
  const compressed = 1 / compressBytesPerSecond + ratio / linkBytesPerSecond;
  const plain = 1 / linkBytesPerSecond;
  return compressed < plain
    ? { action: 'compress', level, reason: `${saved}, and the link is slow enough that this saves time` }
    : { action: 'plain', level: FAST_LEVEL, reason: `${saved}, but sending it plain is faster` };
}
