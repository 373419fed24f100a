import { setTimeout as pause } from 'node:timers/promises';

/** By so much of its time a turn may come earlier or later. */
const SPREAD = 0.1;
/** What lies between an end and the next begin at least, of the time between two begins. */
const LEAST_PAUSE = 0.25;

/**
 * Does something again and again, the first time at once, until it is closed. What it does must not throw. Begins are spread at
 * random: devices that were started together, or heard together that the control plane is back, must not ask it together for
 * ever.
 */
export class Repeating {
  readonly #everyMs: number;
  readonly #action: (count: number) => Promise<void>;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | null = null;

  /** `everyMs` lies between two begins, milliseconds; the action gets how often it was done, with this time. */
  constructor(everyMs: number, action: (count: number) => Promise<void>) {
    this.#everyMs = everyMs;
    this.#action = action;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** The next turn begins now, or once the one that is under way has ended. */
  soon(): void {
    this.#wake.abort();
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let count = 1; !signal.aborted; count += 1) {
      this.#wake = new AbortController();
      const began = performance.now();
      await this.#action(count);
      const ms = pauseMs(this.#everyMs, performance.now() - began, Math.random());
      const woken = AbortSignal.any([signal, this.#wake.signal]);
      await pause(ms, undefined, { signal: woken }).catch(() => undefined);
    }
  }
}

/** How long to wait after a turn that took `tookMs`, milliseconds; `random` is in [0, 1). */
export function pauseMs(everyMs: number, tookMs: number, random: number): number {
  const turn = everyMs * (1 - SPREAD + 2 * SPREAD * random);
  return Math.max(turn - tookMs, everyMs * LEAST_PAUSE);
}
