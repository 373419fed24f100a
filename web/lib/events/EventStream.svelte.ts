import type { Client } from '../../../client/createClient.ts';
import { type EventView, LAST_EVENT_ID } from '../../../core/api/events.ts';
import { followEvents } from './followEvents.ts';
import type { Link } from './link.ts';

export interface Listener {
  onEvent?: (event: EventView) => void;
  /** What was read before may be out of date: read it again. */
  onBegin?: () => void;
}

/** What a part of the page needs of the stream. */
export interface Listenable {
  listen(listener: Listener): () => void;
}

/** The one stream of events of the page; whoever wants to hear of something listens to it. */
export class EventStream implements Listenable {
  /** How the page hears of what happens, for all to see. */
  link = $state<Link>('connecting');
  readonly #client: Client;
  readonly #listeners = new Set<Listener>();
  readonly #end = new AbortController();
  #goOn: () => void = () => undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Begins; it lasts until `close`. */
  start(): void {
    const { signal } = this.#end;
    // The browser knows first that there is a network again, or that somebody looks at the page again.
    addEventListener('online', this.retry, { signal });
    addEventListener('offline', () => (this.link = 'offline'), { signal });
    document.addEventListener('visibilitychange', this.retry, { signal });
    followEvents({
      open: (last, connection) =>
        this.#client.open('/events', {
          params: { header: last === null ? undefined : { [LAST_EVENT_ID]: last } },
          signal: connection,
        }),
      onEvent: (event) => {
        for (const { onEvent } of this.#listeners) onEvent?.(event);
      },
      onBegin: () => {
        for (const { onBegin } of this.#listeners) onBegin?.();
      },
      onLink: (link) => {
        this.link = link;
      },
      pause: (ms) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms);
          this.#goOn = () => {
            clearTimeout(timer);
            resolve();
          };
        }),
      signal,
    }).catch(() => {
      if (!signal.aborted) this.link = 'offline';
    });
  }

  /** Hears everything from now on; what is given back ends that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tries now instead of waiting. */
  retry = (): void => {
    this.#goOn();
  };

  /** Ends it for good. */
  close(): void {
    this.#end.abort();
    this.#goOn();
    this.#listeners.clear();
  }
}
