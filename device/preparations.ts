interface Preparation {
  stop: AbortController;
  ended: Promise<unknown>;
}

/**
 * What is being made on this device for moves that are to come, one piece of work a migration. An attempt that the server
 * has given up goes on where it was; before another one begins, or what it made is cleared, it has to end.
 */
export class Preparations {
  readonly #all = new Map<string, Preparation>();

  /** Ends an earlier one, then does `work`, which has to stop at the next step once its signal is aborted. */
  async begin<T>(migration: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const done = this.end(migration).then(() => {
      stop.signal.throwIfAborted();
      return work(stop.signal);
    });
    const preparation = { stop, ended: done.catch(() => undefined) };
    this.#all.set(migration, preparation);
    try {
      return await done;
    } finally {
      if (this.#all.get(migration) === preparation) this.#all.delete(migration);
    }
  }

  /** Resolves when nothing is being made for this migration any more. */
  async end(migration: string): Promise<void> {
    const preparation = this.#all.get(migration);
    preparation?.stop.abort(new Error('the move was given up'));
    await preparation?.ended;
  }
}
