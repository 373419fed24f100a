import type { FastifyBaseLogger } from 'fastify';
import { FINAL_MIGRATION_STATES } from '../../core/migration.ts';
import type { EventFilter } from '../../core/eventFilter.ts';
import type { Database } from '../../db/database.ts';
import { type EventChannel, listenForEvents } from '../../db/eventChannel.ts';
import { type Event, eventsAfter, newestEvent } from '../../db/events.ts';
import { eventView, frameOf } from './frames.ts';
import { ProgressWatch } from './progress.ts';
import { EventStream, MAX_WAITING_BYTES } from './stream.ts';

/** Events read at a time. */
const PAGE = 200;
/** Looks without having been woken, milliseconds: in case a connection is dead and nobody has noticed. */
const LOOK_MS = 5_000;
/** Before the database is asked again after a failure, milliseconds. */
const AGAIN_MS = 500;

const ENDS = new Set(FINAL_MIGRATION_STATES.map((state) => `migration.${state}`));

/**
 * Gives the events of the database to all streams of this process: one listener and one reader for all of them. A stream
 * that resumes reads by itself until it is where the reader is.
 */
export class EventFeed {
  readonly #db: Database;
  readonly #databaseUrl: string;
  readonly #log: FastifyBaseLogger;
  readonly #progress: ProgressWatch;
  readonly #streams = new Set<EventStream>();
  /** Those of the streams that get what the reader reads. */
  readonly #live = new Set<EventStream>();
  /** All events up to this id were given to the live streams. */
  #last = 0;
  #started: Promise<void> | null = null;
  #channel: EventChannel | null = null;
  #looking: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #due = false;
  #reading: Promise<void> | null = null;
  #failing = false;
  #closed = false;

  constructor(options: { db: Database; databaseUrl: string; log: FastifyBaseLogger }) {
    this.#db = options.db;
    this.#databaseUrl = options.databaseUrl;
    this.#log = options.log;
    this.#progress = new ProgressWatch(this.#db, (event, tenantId) => {
      const wanted = { ...event, tenantId };
      const frame = frameOf(event);
      for (const stream of this.#live) if (stream.wants(wanted) && this.#keepsUp(stream)) stream.write(frame);
    });
  }

  /** How many are open. */
  get streams(): number {
    return this.#streams.size;
  }

  /** A stream of what comes after `after`, or from now on. Fails while the database is away. */
  async open(filter: EventFilter, after: number | null): Promise<EventStream> {
    this.#started ??= this.#start();
    await this.#started;
    // An id that this database has not given out yet: it is another database, or an older state of it.
    const foreign = after !== null && after > this.#last && after > (await newestEvent(this.#db));
    const stream = new EventStream(filter, after ?? this.#last, (one) => {
      this.#streams.delete(one);
      this.#live.delete(one);
    });
    this.#streams.add(stream);
    if (this.#closed) stream.end();
    if (foreign) stream.reset(this.#last);
    void this.#catchUp(stream);
    return stream;
  }

  /** Ends all streams, in order; waits for what is being read. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream.end();
    clearInterval(this.#looking);
    clearTimeout(this.#again);
    await this.#started?.catch(() => undefined);
    await Promise.all([this.#channel?.close(), this.#reading, this.#progress.close()]);
  }

  async #start(): Promise<void> {
    try {
      this.#last = await newestEvent(this.#db);
    } catch (error) {
      this.#started = null;
      throw error;
    }
    if (this.#closed) return;
    this.#channel = listenForEvents(this.#databaseUrl, () => this.#read());
    this.#looking = setInterval(() => this.#read(), LOOK_MS);
  }

  /** Has the reader read on: now, or once more when it is at it. */
  #read(): void {
    this.#due = true;
    if (this.#reading || this.#closed) return;
    this.#reading = this.#readAll();
  }

  async #readAll(): Promise<void> {
    try {
      while (this.#due && !this.#closed) {
        this.#due = false;
        while (await this.#readPage());
      }
      this.#failing = false;
    } catch (error) {
      // Once for each absence of the database.
      if (!this.#failing) this.#log.warn({ err: error }, 'events cannot be read; it is tried again');
      this.#failing = true;
      if (!this.#closed) this.#again = setTimeout(() => this.#read(), AGAIN_MS);
    }
    this.#reading = null;
  }

  /** Tells whether there may be more. */
  async #readPage(): Promise<boolean> {
    const { events, kept } = await eventsAfter(this.#db, this.#last, PAGE);
    if (!kept) {
      this.#last = await newestEvent(this.#db);
      for (const stream of this.#live) stream.reset(this.#last);
      return true;
    }
    // From here to the end without a pause: a stream is either in front of these events or behind them.
    for (const stream of [...this.#live]) this.#keepsUp(stream);
    for (const event of events) this.#give(event);
    return events.length === PAGE && !this.#closed;
  }

  #give(event: Event): void {
    const frame = frameOf(eventView(event));
    for (const stream of this.#live) {
      if (event.id <= stream.cursor) continue;
      stream.cursor = event.id;
      if (stream.wants(event)) stream.write(frame);
    }
    this.#last = event.id;
    if (ENDS.has(event.type)) this.#progress.ended(event.subject);
    else if (event.type.startsWith('migration.') && this.#live.size > 0) this.#progress.look();
  }

  /** A client that does not is cut off, so that it costs no more memory than this; it resumes by its last id. */
  #keepsUp(stream: EventStream): boolean {
    if (stream.waitingBytes <= MAX_WAITING_BYTES) return true;
    this.#log.warn({ waitingBytes: stream.waitingBytes }, 'a client reads events too slowly; it is cut off');
    this.#live.delete(stream);
    stream.cut();
    return false;
  }

  /** Brings a stream to where the reader is, at the client's pace, and makes it live. */
  async #catchUp(stream: EventStream): Promise<void> {
    try {
      while (!stream.over && stream.cursor < this.#last) {
        const reached = this.#last;
        const { events, kept } = await eventsAfter(this.#db, stream.cursor, PAGE);
        if (!kept) {
          stream.reset(this.#last);
          break;
        }
        for (const event of events) {
          stream.cursor = event.id;
          if (stream.wants(event)) stream.write(frameOf(eventView(event)));
        }
        // What the reader had reached before was there to be read: up to it nothing is missing.
        if (events.length < PAGE) stream.cursor = Math.max(stream.cursor, reached);
        await stream.drained();
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'events cannot be read; the client has to ask again');
      stream.cut();
    }
    if (stream.over) return;
    this.#live.add(stream);
    this.#progress.look();
  }
}
