import type { Random } from './random.ts';

/** A load that comes and goes: `mean` plus a sine of that share of it. */
export class Wave {
  readonly #mean: number;
  readonly #swing: number;
  readonly #periodSeconds: number;
  readonly #offset: number;

  constructor(random: Random, mean: number) {
    this.#mean = mean;
    this.#swing = random.between(0.2, 0.7);
    this.#periodSeconds = random.between(90, 900);
    this.#offset = random.between(0, 2 * Math.PI);
  }

  /** The value at a time. */
  at(seconds: number): number {
    return this.#mean * (1 + this.#swing * Math.sin(this.#angle(seconds)));
  }

  /** What has come together from 0 to that time: grows always, as a counter does. */
  until(seconds: number): number {
    const turned = Math.cos(this.#offset) - Math.cos(this.#angle(seconds));
    return this.#mean * (seconds + (this.#swing * this.#periodSeconds * turned) / (2 * Math.PI));
  }

  #angle(seconds: number): number {
    return (2 * Math.PI * seconds) / this.#periodSeconds + this.#offset;
  }
}
