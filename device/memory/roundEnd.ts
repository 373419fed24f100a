import { WakeUp } from '../ownership/wakeUp.ts';

/** Foretells when the round under way will be over, from what it has looked at so far. */
export class RoundEnd {
  readonly #totalBytes: number;
  readonly #changed = new WakeUp();
  #begunAt: number | null = null;
  #lookedBytes = 0;
  #over = false;

  /** `totalBytes`: of memory that a round looks at. */
  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  begin(now: number): void {
    this.#begunAt = now;
  }

  looked(bytes: number): void {
    this.#lookedBytes = bytes;
    this.#changed.wake();
  }

  /** That round is over, whatever came of it: from here on nobody is kept waiting. */
  end(): void {
    this.#over = true;
    this.#changed.wake();
  }

  /** Milliseconds from `now`; infinite as long as nothing can be said. */
  expectedMs(now: number): number {
    if (this.#over) return 0;
    if (this.#begunAt === null || this.#lookedBytes === 0) return Infinity;
    const left = Math.max(0, this.#totalBytes - this.#lookedBytes);
    return (left / this.#lookedBytes) * (now - this.#begunAt);
  }

  /** Resolves when it is expected to be over within `ms`. One waiter at a time. */
  async within(ms: number): Promise<void> {
    for (;;) {
      const changed = this.#changed.next();
      if (this.expectedMs(performance.now()) <= ms) return;
      await changed;
    }
  }
}
