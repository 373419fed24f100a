/** Takes texts that end with a mark, or have a known length, out of a stream of bytes, in whatever pieces they come. */
export class TextReader {
  #held = '';

  feed(bytes: Buffer, length: number): void {
    this.#held += bytes.toString('latin1', 0, length);
  }

  /** What comes before the next mark; null as long as that is not there. The mark is taken with it. */
  until(mark: string): string | null {
    const end = this.#held.indexOf(mark);
    if (end < 0) return null;
    const text = this.#held.slice(0, end);
    this.#held = this.#held.slice(end + mark.length);
    return text;
  }

  /** So many bytes, as latin1; null as long as they are not all there. */
  take(length: number): string | null {
    if (this.#held.length < length) return null;
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }

  /** Forgets what is held, for a new connection. */
  reset(): void {
    this.#held = '';
  }
}
