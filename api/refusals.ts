/** Kept of the last refusals, to tell which are new; beyond it the oldest are forgotten. */
const MOST = 10_000;

/** Which refusals are written down: the same one of the same one not again and again. */
export class Refusals {
  readonly #everyMs: number;
  readonly #at = new Map<string, number>();

  /** `everyMs`: between two of the same, milliseconds. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Whether the refusal that `key` stands for is to be written down now; then not again for a while. */
  isNew(key: string): boolean {
    const now = performance.now();
    const before = this.#at.get(key);
    if (before !== undefined && now - before < this.#everyMs) return false;
    // Deleted first: the map is in the order of what was written down last.
    this.#at.delete(key);
    this.#at.set(key, now);
    const [oldest] = this.#at.keys();
    if (this.#at.size > MOST && oldest !== undefined) this.#at.delete(oldest);
    return true;
  }
}
