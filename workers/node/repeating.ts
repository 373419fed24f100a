import { setTimeout as pause } from 'node:timers/promises';

/** Does something again and again, the first time at once, until it is closed. What it does must not throw. */
export class Repeating {
  readonly #everyMs: number;
  readonly #action: (count: number) => Promise<void>;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;

  /** `everyMs` lies between an end and the next begin, milliseconds; the action gets how often it was done, with this time. */
  constructor(everyMs: number, action: (count: number) => Promise<void>) {
    this.#everyMs = everyMs;
    this.#action = action;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let count = 1; !signal.aborted; count += 1) {
      await this.#action(count);
      await pause(this.#everyMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
