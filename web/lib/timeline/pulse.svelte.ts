import { createSubscriber } from 'svelte/reactivity';

const PERIOD_MS = 250;

/** The time, in steps that a growing bar needs; it goes on for as long as one of them is shown. */
class Pulse {
  readonly #subscribe = createSubscriber((update) => {
    const timer = setInterval(update, PERIOD_MS);
    return () => clearInterval(timer);
  });

  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}

export const pulse = new Pulse();
