/** The longest silence of one connection. */
export interface Gap {
  /** Milliseconds between two answers that came one after the other. */
  ms: number;
  /** When it began, on the clock that the meter was given. */
  at: number;
}

/** Measures the silences of one connection. All times are milliseconds of one monotonic clock. */
export class GapMeter {
  #last: number;
  #longest = 0;
  #longestAt: number;

  constructor(now: number) {
    this.#last = now;
    this.#longestAt = now;
  }

  answered(now: number): void {
    const silence = now - this.#last;
    if (silence > this.#longest) {
      this.#longest = silence;
      this.#longestAt = this.#last;
    }
    this.#last = now;
  }

  /** The longest silence since the last call, one that is still going on too. */
  closeWindow(now: number): Gap {
    const going = now - this.#last;
    const gap =
      going > this.#longest ? { ms: going, at: this.#last } : { ms: this.#longest, at: this.#longestAt };
    this.#longest = 0;
    this.#longestAt = this.#last;
    return gap;
  }
}
