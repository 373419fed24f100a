/** Counts between two growths of the record of what was seen. */
const INITIAL_COUNTS = 65_536;

/**
 * Checks the answers of a counter that several connections count up: no count is given twice or left out, and none is
 * lower than what was acknowledged before it was asked for. Complaints are sentences; null is none.
 */
export class CounterCheck {
  readonly start: number;
  #acknowledged = 0;
  #uncertain = 0;
  #highest: number;
  /** A bit per count above `start`. */
  #seen = new Uint8Array(INITIAL_COUNTS / 8);

  /** @param start the counter before the first increment */
  constructor(start: number) {
    this.start = start;
    this.#highest = start;
  }

  /** Increments whose answer came. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The highest count acknowledged on any connection; what is asked now may not be answered with less. */
  get highest(): number {
    return this.#highest;
  }

  /** An increment's answer. `floor` is `highest` at the time it was asked for. */
  counted(counter: number, floor: number): string | null {
    this.#acknowledged += 1;
    this.#highest = Math.max(this.#highest, counter);
    if (counter <= floor) return `The counter went back: ${counter} after ${floor}.`;
    return this.#mark(counter - this.start) ? `The count ${counter} was given twice.` : null;
  }

  /** The answer to a question that does not count. */
  observed(counter: number, floor: number): string | null {
    this.#highest = Math.max(this.#highest, counter);
    return counter < floor ? `The counter went back: ${counter} after ${floor}.` : null;
  }

  /** An increment was sent on a connection that was lost: it may have been counted or not. */
  leftOpen(): void {
    this.#uncertain += 1;
  }

  /** The counter when all is answered: every acknowledged increment is in it once. */
  settled(counter: number): string | null {
    const least = this.start + this.#acknowledged;
    const most = least + this.#uncertain;
    if (counter >= least && counter <= most) return null;
    const wanted = least === most ? String(least) : `${least} to ${most}`;
    return `The counter ended at ${counter}; ${this.#acknowledged} increments from ${this.start} on make ${wanted}.`;
  }

  /** Whether the count was there already. */
  #mark(count: number): boolean {
    const index = count >>> 3;
    const bit = 1 << (count & 7);
    if (index >= this.#seen.length) this.#grow(index);
    const before = this.#seen[index] ?? 0;
    this.#seen[index] = before | bit;
    return (before & bit) !== 0;
  }

  #grow(index: number): void {
    const next = new Uint8Array(Math.max(index + 1, this.#seen.length * 2));
    next.set(this.#seen);
    this.#seen = next;
  }
}
