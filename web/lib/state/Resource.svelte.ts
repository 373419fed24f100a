import { onDestroy } from 'svelte';
import type { EventView } from '../../../core/api/events.ts';
import type { Listenable } from '../events/EventStream.svelte.ts';
import { nextFrame } from './nextFrame.ts';

export interface ResourceOptions {
  /** Whether an event says that it may have changed; without it, it is read once. */
  changedBy?: (event: EventView) => boolean;
}

/** One thing of the API's that a page shows: read at once, and again when an event says that it has changed. */
export class Resource<T> {
  state = $state<'loading' | 'ready' | 'failed'>('loading');
  value = $state.raw<T | undefined>();
  /** Why the last reading failed; the value of the one before it stays. */
  error = $state.raw<unknown>(null);
  readonly #read: (signal: AbortSignal) => Promise<T>;
  readonly #end = new AbortController();
  readonly #stopListening: () => void;
  #reading = false;
  #outdated = false;

  constructor(stream: Listenable, read: (signal: AbortSignal) => Promise<T>, options: ResourceOptions = {}) {
    const { changedBy } = options;
    this.#read = read;
    this.#stopListening = stream.listen({
      onBegin: () => void this.reload(),
      onEvent: (event) => {
        if (changedBy?.(event) === true) this.#later();
      },
    });
    void this.reload();
  }

  /** Reads it (again); what is shown stays until then. */
  async reload(): Promise<void> {
    if (this.#reading) {
      this.#outdated = true;
      return;
    }
    this.#reading = true;
    const { signal } = this.#end;
    try {
      do {
        this.#outdated = false;
        const value = await this.#read(signal);
        if (signal.aborted) return;
        this.set(value);
      } while (this.#outdated);
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
      if (this.state === 'loading') this.state = 'failed';
    } finally {
      this.#reading = false;
    }
  }

  /** Shows what an answer has just said. */
  set(value: T): void {
    this.value = value;
    this.error = null;
    this.state = 'ready';
  }

  close(): void {
    this.#end.abort();
    this.#stopListening();
  }

  #asked = false;
  #later(): void {
    if (this.#asked) return;
    this.#asked = true;
    nextFrame(() => {
      this.#asked = false;
      if (!this.#end.signal.aborted) void this.reload();
    });
  }
}

/** Lets what a component has made end with it. */
export function untilDestroyed<T extends { close(): void }>(made: T): T {
  onDestroy(() => made.close());
  return made;
}
