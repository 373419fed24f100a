import { SvelteMap } from 'svelte/reactivity';
import type { EventView } from '../../../core/api/events.ts';
import { isGone } from '../api/describeError.ts';
import type { Listenable } from '../events/EventStream.svelte.ts';
import { applyChanges } from './applyChanges.ts';
import { eachOf } from './eachOf.ts';
import { nextFrame } from './nextFrame.ts';

/** The most that the API gives at a time. */
export const PAGE_SIZE = 500;
/** Requests at a time for items that have changed. */
const AT_ONCE = 6;
/** More items than this that have changed at once cost less as whole pages. */
const MANY = 40;
/** Before what could not be read is asked for again, milliseconds. */
const AGAIN_MS = 2_000;

export interface LiveListOptions<T extends { id: string }> {
  readPage: (
    page: { limit: number; cursor: string | undefined },
    signal: AbortSignal,
  ) => Promise<{ items: T[]; nextCursor: string | null }>;
  /** Null: it is not one of the list's (any more). */
  readOne: (id: string, signal: AbortSignal) => Promise<T | null>;
  /** Ids of the items that an event says have changed, are new, or are gone. */
  changedBy: (event: EventView) => readonly string[];
  /** An item after an event that says all of its change; undefined: it has to be read again. */
  patch?: (item: T, event: EventView) => T | undefined;
  order: (one: T, other: T) => number;
  /** How many items are read and kept, of a list that has no end; without it all. */
  keep?: number;
  /** For tests. */
  schedule?: (run: () => void) => void;
}

/**
 * A list of the API's, kept as it is now: read once, then what events say has changed is read again, at most once a frame. It
 * holds what the list holds, whatever the number of events.
 */
export class LiveList<T extends { id: string }> {
  state = $state<'loading' | 'ready' | 'failed'>('loading');
  /** Why it could not be read. */
  error = $state.raw<unknown>(null);
  /** In order. Never changed itself: a change makes another array. */
  items = $state.raw<readonly T[]>([]);
  /** There are more than are read; `loadMore` reads them. */
  hasMore = $state(false);
  readonly #byId = new SvelteMap<string, T>();
  readonly #options: LiveListOptions<T>;
  readonly #end = new AbortController();
  readonly #stopListening: () => void;
  /** To be read again. */
  #dirty = new Set<string>();
  /** Known already, to be shown with the next frame. */
  #patched = new Map<string, T>();
  #keep: number;
  #reading = false;
  /** Began while it was read: it has to be read once more. */
  #outdated = false;
  #frameAsked = false;

  constructor(stream: Listenable, options: LiveListOptions<T>) {
    this.#options = options;
    this.#keep = options.keep ?? Infinity;
    this.#stopListening = stream.listen({
      onEvent: (event) => this.#hear(event),
      onBegin: () => void this.reload(),
    });
  }

  /** One item, for as long as it is there. */
  get(id: string): T | undefined {
    return this.#byId.get(id);
  }

  /** Reads it all (again); what is shown stays until then. */
  async reload(): Promise<void> {
    if (this.#reading) {
      this.#outdated = true;
      return;
    }
    this.#reading = true;
    try {
      do {
        this.#outdated = false;
        this.#replace(await this.#readPages());
      } while (this.#outdated && !this.#end.signal.aborted);
      this.state = 'ready';
      this.error = null;
    } catch (error) {
      if (this.#end.signal.aborted) return;
      this.error = error;
      // What was read before is better than nothing.
      if (this.state !== 'ready') this.state = 'failed';
    } finally {
      this.#reading = false;
    }
    this.#ask();
  }

  /** Reads and keeps another `keep` items. */
  loadMore(): Promise<void> {
    this.#keep += this.#options.keep ?? 0;
    return this.reload();
  }

  /** Shows an item as an answer has it, without waiting for the event. */
  put(item: T): void {
    this.#patched.set(item.id, item);
    this.#ask();
  }

  /** Ends it. */
  close(): void {
    this.#end.abort();
    this.#stopListening();
    this.#dirty.clear();
    this.#patched.clear();
  }

  #hear(event: EventView): void {
    const { patch, changedBy } = this.#options;
    for (const id of changedBy(event)) {
      const known = this.#patched.get(id) ?? this.#byId.get(id);
      const patched = known === undefined ? undefined : patch?.(known, event);
      if (patched === undefined) this.#dirty.add(id);
      else this.#patched.set(id, patched);
    }
    this.#ask();
  }

  /** Has what is waiting worked on with the next frame. */
  #ask(): void {
    if (this.#frameAsked || (this.#dirty.size === 0 && this.#patched.size === 0)) return;
    this.#frameAsked = true;
    (this.#options.schedule ?? nextFrame)(() => {
      this.#frameAsked = false;
      if (this.#end.signal.aborted) return;
      this.#apply(this.#patched);
      this.#patched = new Map();
      void this.#refresh();
    });
  }

  /** Reads again what has changed; one such reading at a time, the next has all that changed meanwhile. */
  async #refresh(): Promise<void> {
    if (this.#reading || this.#dirty.size === 0) return;
    const ids = [...this.#dirty];
    this.#dirty.clear();
    if (ids.length > MANY) {
      await this.reload();
      return;
    }
    this.#reading = true;
    const changes = new Map<string, T | null>();
    const failed: string[] = [];
    await eachOf(ids, AT_ONCE, async (id) => {
      try {
        changes.set(id, await this.#options.readOne(id, this.#end.signal));
      } catch (error) {
        if (isGone(error)) changes.set(id, null);
        else failed.push(id);
      }
    });
    this.#reading = false;
    if (this.#end.signal.aborted) return;
    this.#apply(changes);
    if (failed.length > 0) setTimeout(() => this.#again(failed), AGAIN_MS);
    if (this.#outdated) await this.reload();
    else this.#ask();
  }

  #again(ids: readonly string[]): void {
    if (this.#end.signal.aborted) return;
    for (const id of ids) this.#dirty.add(id);
    this.#ask();
  }

  async #readPages(): Promise<T[]> {
    const items: T[] = [];
    const { signal } = this.#end;
    let cursor: string | undefined;
    do {
      const limit = Math.min(PAGE_SIZE, this.#keep - items.length);
      const page = await this.#options.readPage({ limit, cursor }, signal);
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && items.length < this.#keep && !signal.aborted);
    this.hasMore = cursor !== undefined;
    return items;
  }

  #replace(items: T[]): void {
    if (this.#end.signal.aborted) return;
    const there = new Set(items.map(({ id }) => id));
    for (const id of [...this.#byId.keys()]) if (!there.has(id)) this.#byId.delete(id);
    for (const item of items) this.#byId.set(item.id, item);
    this.items = items.sort(this.#options.order);
  }

  #apply(changes: ReadonlyMap<string, T | null>): void {
    if (changes.size === 0) return;
    const items = applyChanges(this.items, changes, this.#options.order);
    for (const [id, item] of changes) {
      if (item === null) this.#byId.delete(id);
      else this.#byId.set(id, item);
    }
    for (const { id } of items.slice(this.#keep)) {
      this.#byId.delete(id);
      this.hasMore = true;
    }
    this.items = items.length > this.#keep ? items.slice(0, this.#keep) : items;
  }
}
