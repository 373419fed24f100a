import type { Phase, PhaseName } from '../../core/migration.ts';

/** Stamps the phases of one party's hot window, on a monotonic clock. */
export class PhaseClock {
  readonly #origin = { wall: Date.now(), mono: performance.now() };
  readonly #phases: Phase[] = [];
  readonly #onPhase: (phase: Phase) => void;

  constructor(onPhase: (phase: Phase) => void = () => {}) {
    this.#onPhase = onPhase;
  }

  /** Milliseconds on the monotonic clock. */
  now(): number {
    return performance.now();
  }

  /** Times `work` as a phase; a phase that fails is recorded too. */
  async time<T>(name: PhaseName, work: () => Promise<T>): Promise<T> {
    const startedAt = this.now();
    try {
      return await work();
    } finally {
      this.add(name, startedAt, this.now());
    }
  }

  /** Records a phase between two readings of `now`. */
  add(name: PhaseName, from: number, to: number): void {
    const startedAt = new Date(this.#origin.wall + (from - this.#origin.mono)).toISOString();
    const phase = { name, startedAt, ms: Math.round((to - from) * 100) / 100 };
    this.#phases.push(phase);
    this.#onPhase(phase);
  }

  list(): Phase[] {
    return [...this.#phases];
  }
}
