import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { RESET } from '../../core/api/events.ts';
import { type EventFilter, wantsEvent } from '../../core/eventFilter.ts';
import { frameOf } from './frames.ts';

/** Between two signs of life, milliseconds. */
export const ALIVE_MS = 15_000;
/** Signs of life between which a client takes nothing of what waits for it; then it is given up. */
const STALLED_SIGNS = 2;
/** Most bytes that may wait for a client when more comes. */
export const MAX_WAITING_BYTES = 1 << 20;
/** A stream ends after this long, milliseconds: the client asks again, and whether it still may is asked again with it. */
export const MAX_AGE_MS = 10 * 60_000;
/** How long a client waits before it asks again, milliseconds. */
const RETRY_MS = 1_000;

/** One client's stream: its filter, its place, and what waits for it. */
export class EventStream {
  /** What the client reads. */
  readonly body: Readable;
  /** It has every event it wants up to this id. */
  cursor: number;
  readonly #body = new PassThrough();
  readonly #filter: EventFilter;
  readonly #over = new AbortController();
  #stalled = 0;

  /** `ended` is called once, however it comes to that. */
  constructor(filter: EventFilter, from: number, ended: (stream: EventStream) => void) {
    this.#filter = filter;
    this.cursor = from;
    this.body = this.#body;
    const alive = setInterval(() => this.#giveSign(), ALIVE_MS);
    const age = setTimeout(() => this.end(), MAX_AGE_MS);
    this.#body.on('drain', () => {
      this.#stalled = 0;
    });
    this.#body.once('close', () => {
      clearInterval(alive);
      clearTimeout(age);
      this.#over.abort();
      ended(this);
    });
    // The place at which it begins: a client that is cut off before the first event comes back to it.
    this.#body.write(`retry: ${String(RETRY_MS)}\nid: ${String(from)}\n\n`);
  }

  get over(): boolean {
    return this.#body.destroyed || this.#body.writableEnded;
  }

  /** Bytes that the client has not taken yet, beside what its connection holds. */
  get waitingBytes(): number {
    return this.#body.writableLength + this.#body.readableLength;
  }

  wants(event: { type: string; subject: string; tenantId: string | null }): boolean {
    return wantsEvent(this.#filter, event);
  }

  write(frame: Buffer): void {
    if (!this.over) this.#body.write(frame);
  }

  /** Says that events were missed, and goes on from `from`. Everybody is told, whatever the filter. */
  reset(from: number): void {
    this.cursor = from;
    const message = 'Events were missed that are not kept any more; read the lists again.';
    const at = new Date().toISOString();
    this.write(frameOf({ id: from, type: RESET, subject: 'events', actor: null, message, data: {}, at }));
  }

  /** Resolves once the client has taken what waits for it, or the stream is over. */
  async drained(): Promise<void> {
    while (!this.over && this.#body.writableNeedDrain)
      await once(this.#body, 'drain', { signal: this.#over.signal }).catch(() => undefined);
  }

  /** Ends it in order: the client takes what waits, and asks again. */
  end(): void {
    if (!this.over) this.#body.end();
  }

  /** Ends it at once; what waits is dropped. The client comes back to the last event that it has read. */
  cut(): void {
    this.#body.destroy();
  }

  #giveSign(): void {
    this.#stalled = this.#body.writableNeedDrain ? this.#stalled + 1 : 0;
    if (this.#stalled >= STALLED_SIGNS) this.cut();
    else if (this.#stalled === 0 && !this.over) this.#body.write(': alive\n\n');
  }
}
