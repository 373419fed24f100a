import { z } from 'zod';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Counters } from '../../core/metrics.ts';
import { Random } from './random.ts';
import { type Told, toldBy } from './told.ts';
import { Wave } from './wave.ts';

const MB = 1e6;

/** What moves of a fake program: it goes on on the target where the source stopped it. */
export const programStateSchema = z.object({
  /** Of the wall clock, milliseconds. */
  bornAt: z.number(),
  /** How long it has run in all, milliseconds. */
  ranMs: z.number().nonnegative(),
});
export type ProgramState = z.infer<typeof programStateSchema>;

/** A program that does not exist: everything that can be seen of it follows from how long it has run. */
export class Program {
  readonly told: Told;
  readonly memoryBytes: number;
  readonly dirtyBytesPerSecond: number;
  readonly diskBytes: number;
  /** Milliseconds of a switch. */
  readonly dumpMs: number;
  readonly restoreMs: number;
  readonly #cpu: Wave;
  readonly #received: Wave;
  readonly #sent: Wave;
  #state: ProgramState = { bornAt: Date.now(), ranMs: 0 };
  #runsSince: number | null = null;

  constructor(spec: ComputeSpec) {
    const random = new Random(spec.id);
    const told = toldBy(spec);
    this.told = told;
    const wanted = told.FAKE_MEMORY_MB ?? random.between(16, 192);
    // What does not converge has to have something to send.
    const least = told.FAKE_MOVE === 'abort' ? 96 : 0;
    this.memoryBytes = Math.min(Math.max(wanted, least) * MB, spec.memoryBytes ?? Infinity);
    this.dirtyBytesPerSecond = (told.FAKE_DIRTY_MB_PER_S ?? random.between(0.2, 6)) * MB;
    this.diskBytes = Math.round(random.between(1, 40) * MB);
    const freezeMs = told.FAKE_FREEZE_MS ?? random.between(100, 320);
    this.dumpMs = freezeMs * 0.4;
    this.restoreMs = freezeMs * 0.6;
    this.#cpu = new Wave(random, Math.min(random.between(0.02, 0.3), spec.cpus ?? 1));
    this.#received = new Wave(random, random.between(1_000, 200_000));
    this.#sent = new Wave(random, random.between(1_000, 400_000));
  }

  get state(): ProgramState {
    return { ...this.#state, ranMs: this.ranMs };
  }

  get ranMs(): number {
    const now = this.#runsSince === null ? 0 : performance.now() - this.#runsSince;
    return this.#state.ranMs + now;
  }

  /** Begins, or goes on from where another device stopped it. */
  run(from: ProgramState = this.state): void {
    this.#state = from;
    this.#runsSince = performance.now();
  }

  halt(): void {
    this.#state = this.state;
    this.#runsSince = null;
  }

  counters(): Counters {
    const seconds = this.ranMs / 1000;
    return {
      atMs: performance.now(),
      cpuSeconds: this.#cpu.until(seconds),
      receivedBytes: Math.round(this.#received.until(seconds)),
      sentBytes: Math.round(this.#sent.until(seconds)),
      memoryBytes: Math.round(this.memoryBytes),
      diskBytes: this.diskBytes,
    };
  }

  /** Lines that it has said so far. */
  get lines(): number {
    return Math.floor(this.ranMs / this.told.FAKE_LOG_MS);
  }

  /** Line number `index`, counted from 0. */
  line(index: number): string {
    const at = new Date(this.#state.bornAt + (index + 1) * this.told.FAKE_LOG_MS).toISOString();
    return `${at} request ${index + 1} answered in ${Math.round(this.#cpu.at(index) * 100) + 1} ms\n`;
  }
}
