/** An event that may be waited for again and again; one that came before anybody waited is not lost. */
export class WakeUp {
  #pending = false;
  #waiting: (() => void)[] = [];

  wake(): void {
    if (this.#waiting.length === 0) this.#pending = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves at the next `wake`, or at once when one came since the last. */
  next(): Promise<void> {
    if (this.#pending) {
      this.#pending = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
