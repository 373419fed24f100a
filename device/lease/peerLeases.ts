import { join } from 'node:path';
import { z } from 'zod';
import { LEASE_MARGIN_MS, LEASE_MS } from '../../core/lease.ts';
import { readStored, writeStored } from '../control/storedFile.ts';

const promisesSchema = z.record(z.string(), z.number().int());

/** What this device, which keeps the checkpoints of a compute, says when the control plane wants the compute to go on here. */
export interface PeerAnswer {
  /** The compute may still be reached on its own device, which was granted a lease from here a moment ago. */
  lives: boolean;
}

/**
 * Leases that this device gives to peers whose checkpoints it keeps, while the control plane is away. None is given any more
 * once the control plane was promised so: it is about to have the compute go on here.
 */
export class PeerLeases {
  readonly #path: string;
  readonly #nowMs: () => number;
  /** Of a compute: the generation of its device's lease for which none is granted from here any more. */
  #promises: Record<string, number> = {};
  /** When one was granted last, by the monotonic clock, milliseconds. An earlier worker may have granted one as it ended. */
  readonly #granted = new Map<string, number>();
  readonly #startedMs: number;
  /** One answer at a time: what was promised is on disk before anything else is said. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param stateDir on disk: a promise outlives the worker */
  constructor(stateDir: string, nowMs = () => performance.now()) {
    this.#path = join(stateDir, 'promises.json');
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
  }

  /** Before anybody is answered. */
  async start(): Promise<void> {
    this.#promises = (await readStored(this.#path, promisesSchema)) ?? {};
  }

  /** Whether a device may let a compute be reached for a lease longer. `generation`: of its own lease. */
  grant(computeId: string, generation: number): Promise<boolean> {
    return this.#inTurn(async () => {
      if ((this.#promises[computeId] ?? 0) >= generation) return false;
      this.#granted.set(computeId, this.#nowMs());
      return true;
    });
  }

  /**
   * No lease of this generation is granted from here any more, unless one may still be valid: then nothing is promised.
   * @throws when it could not be written
   */
  promise(computeId: string, generation: number): Promise<PeerAnswer> {
    return this.#inTurn(async () => {
      const sinceMs = this.#nowMs() - (this.#granted.get(computeId) ?? this.#startedMs);
      if (sinceMs <= LEASE_MS + LEASE_MARGIN_MS) return { lives: true };
      this.#promises = { ...this.#promises, [computeId]: generation };
      await writeStored(this.#path, this.#promises);
      return { lives: false };
    });
  }

  /** Nothing of the compute is kept here any more. */
  forget(computeId: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#promises[computeId] === undefined) return;
      const { [computeId]: _, ...kept } = this.#promises;
      this.#promises = kept;
      await writeStored(this.#path, kept);
    });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
