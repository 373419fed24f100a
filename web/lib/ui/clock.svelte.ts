import { createSubscriber } from 'svelte/reactivity';

/** How often relative times are looked at, milliseconds. */
const PERIOD_MS = 5_000;

/** The time, for all relative times of the page: it goes on for as long as one of them is shown. */
class Clock {
  #now = Date.now();
  readonly #subscribe = createSubscriber((update) => {
    const tick = () => {
      this.#now = Date.now();
      update();
    };
    const timer = setInterval(tick, PERIOD_MS);
    return () => clearInterval(timer);
  });

  get now(): number {
    this.#subscribe();
    return Math.max(this.#now, Date.now() - PERIOD_MS);
  }
}

export const clock = new Clock();
