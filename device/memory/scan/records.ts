/** The stream of pages from a source to a target; the format is device/native/src/records.h, which says more. */
export const PAGE = 4096;

export const RecordKind = { pages: 1, refs: 2, image: 3, round: 4, final: 5 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Bytes before a record's slots: kind, count, process, extra (u32 each) and address (u64), little-endian. */
export const RECORD_HEADER = 24;
/** Most slots of one IMAGE record. */
export const RECORD_IMAGE_MAX = 2 ** 20;
/** The page of zeros; also a page that is not there. */
export const NO_SLOT = 0;

export function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/**
 * What one page adds to the sum that source and target keep, modulo 2^64. The mixing is that of splitmix64 (Steele, Lea,
 * Flood: Fast splittable pseudorandom number generators, 2014). `address` in bytes.
 */
export function mix(process: number, address: number, slot: number): bigint {
  if (slot === NO_SLOT) return 0n;
  let z = BigInt.asUintN(64, BigInt(address) + (BigInt(process) << 48n) + BigInt(slot) * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}
