import type { Client } from '../../../client/createClient.ts';
import { type EventView, PROGRESS, RESET } from '../../../core/api/events.ts';
import type { Listenable } from '../events/EventStream.svelte.ts';

const AT_A_TIME = 100;
/** What waits to be shown is not kept beyond this: it is read anew then. */
const MOST_WAITING = 1_000;

export interface EventLogOptions {
  client: Pick<Client, 'get'>;
  stream: Listenable;
  /** The beginning of types; '' for all. */
  kind: string;
  /** The id of what they are about; '' for all. */
  subject: string;
}

/** What has happened, newest first; what happens meanwhile waits until it is asked for, so that nothing jumps. */
export class EventLog {
  state = $state<'loading' | 'ready' | 'failed'>('loading');
  error = $state.raw<unknown>(null);
  items = $state.raw<readonly EventView[]>([]);
  hasMore = $state(false);
  loadingMore = $state(false);
  /** Newest first. */
  #waiting = $state.raw<readonly EventView[]>([]);
  readonly #options: EventLogOptions;
  readonly #end = new AbortController();
  readonly #stopListening: () => void;
  #cursor: string | undefined;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#stopListening = options.stream.listen({
      onEvent: (event) => {
        if (this.#wants(event)) this.#waiting = [event, ...this.#waiting].slice(0, MOST_WAITING);
      },
      // What was missed cannot be told one by one.
      onBegin: () => void this.reload(),
    });
    void this.reload();
  }

  /** How many have happened since. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Puts what has happened since on top. */
  async showWaiting(): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING) {
      await this.reload();
      return;
    }
    this.items = [...this.#waiting, ...this.items];
    this.#waiting = [];
  }

  /** Reads the newest (again). */
  async reload(): Promise<void> {
    try {
      const page = await this.#read(undefined);
      if (this.#end.signal.aborted) return;
      this.#cursor = page.nextCursor ?? undefined;
      this.hasMore = this.#cursor !== undefined;
      this.items = page.items;
      // What came while it was read is among them, or waits.
      const newest = page.items[0]?.id ?? 0;
      this.#waiting = this.#waiting.filter(({ id }) => id !== null && id > newest);
      this.state = 'ready';
      this.error = null;
    } catch (error) {
      if (this.#end.signal.aborted) return;
      this.error = error;
      if (this.state !== 'ready') this.state = 'failed';
    }
  }

  /** Reads what was before. */
  async loadMore(): Promise<void> {
    if (this.loadingMore) return;
    this.loadingMore = true;
    try {
      const page = await this.#read(this.#cursor);
      this.#cursor = page.nextCursor ?? undefined;
      this.hasMore = this.#cursor !== undefined;
      this.items = [...this.items, ...page.items];
    } catch (error) {
      if (!this.#end.signal.aborted) this.error = error;
    } finally {
      this.loadingMore = false;
    }
  }

  close(): void {
    this.#end.abort();
    this.#stopListening();
  }

  #read(cursor: string | undefined) {
    const { client, kind, subject } = this.#options;
    const query = {
      limit: AT_A_TIME,
      ...(cursor === undefined ? {} : { cursor }),
      ...(kind === '' ? {} : { types: `${kind}.*` }),
      ...(subject === '' ? {} : { subject }),
    };
    return client.get('/events/history', { params: { query }, signal: this.#end.signal });
  }

  #wants({ type, subject }: EventView): boolean {
    const { kind, subject: wanted } = this.#options;
    if (type === PROGRESS || type === RESET) return false;
    return (kind === '' || type.startsWith(`${kind}.`)) && (wanted === '' || wanted === subject);
  }
}
