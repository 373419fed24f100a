/** The value that `share` of the numbers do not exceed (nearest rank); null of none. */
export function quantile(numbers: readonly number[], share: number): number | null {
  if (numbers.length === 0) return null;
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

/** When requests were asked and how long their answers took, milliseconds. */
export class Latencies {
  #askedAt: number[] = [];
  #took: number[] = [];

  get count(): number {
    return this.#askedAt.length;
  }

  add(askedAt: number, now: number): void {
    this.#askedAt.push(askedAt);
    this.#took.push(now - askedAt);
  }

  /** The 99th percentile of requests asked from a time on (inclusive) to another (exclusive). */
  p99(from: number, to: number): number | null {
    const within = this.#took.filter((_, index) => {
      const at = this.#askedAt[index] ?? NaN;
      return at >= from && at < to;
    });
    return quantile(within, 0.99);
  }

  clear(): void {
    this.#askedAt = [];
    this.#took = [];
  }
}
