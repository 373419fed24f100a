import type { Step } from '../sample.ts';

/** Times the steps of a procedure, one after the other. */
export class StepClock {
  readonly steps: Step[] = [];

  async time<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startedAt = Date.now();
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.steps.push({ name, startedAt, ms: performance.now() - began });
    }
  }

  /** From the begin of the first step to the end of the last, milliseconds. */
  get totalMs(): number {
    return this.steps.reduce((sum, { ms }) => sum + ms, 0);
  }
}
