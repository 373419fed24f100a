import { randomBytes } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { type EventView, RESET } from '../../core/api/events.ts';
import { wantsEvent } from '../../core/eventFilter.ts';
import { decideDelivery } from '../../core/webhookRetry.ts';
import { type EventChannel, listenForEvents } from '../../db/eventChannel.ts';
import { eventsAfter, newestEvent } from '../../db/events.ts';
import {
  advanceWebhook,
  disableWebhook,
  dueWebhooks,
  postponeWebhook,
  releaseWebhook,
  takeWebhook,
  type Webhook,
} from '../../db/webhooks.ts';
import type { ApiContext } from '../context.ts';
import { eventView } from '../events/frames.ts';
import { deliver, messageOf } from './deliver.ts';

/** Looks without having been woken, milliseconds: for what is to be repeated, and what another process has left. */
const LOOK_MS = 1_000;
/** Webhooks that one process delivers to at a time. */
const AT_ONCE = 16;
/** Events read at a time. */
const PAGE = 200;
/** How long a webhook is one process's, seconds; more than an attempt takes. What a killed process had waits for so long. */
const LEASE_SECONDS = 15;
/** Events of others after which a webhook's cursor is moved on. */
const LAG = 1_000;

/** The next event of a webhook, and where its cursor is once that is taken. */
interface Next {
  cursor: number;
  event: EventView;
}

/**
 * Sends events to webhooks: to each in order, and the next when one was taken. A webhook is one process's at a time, by a
 * lease in its row; where it is stands there too, so it goes on where it was, whoever has it next. An event may come twice
 * (an answer that was lost, a process that was killed), with the same id.
 */
export class WebhookDispatcher {
  readonly #context: ApiContext;
  readonly #log: FastifyBaseLogger;
  readonly #owner = randomBytes(8).toString('hex');
  readonly #closing = new AbortController();
  readonly #working = new Map<string, Promise<void>>();
  /** Up to which event there is nothing for a webhook, by its id; `types` are those that were looked for. */
  readonly #seen = new Map<string, { types: string; cursor: number }>();
  readonly #channel: EventChannel;
  readonly #timer: NodeJS.Timeout;
  #due = false;
  #looking: Promise<void> | null = null;
  #failing = false;

  constructor(context: ApiContext, log: FastifyBaseLogger) {
    this.#context = context;
    this.#log = log;
    this.#channel = listenForEvents(context.config.databaseUrl, () => this.#look());
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Breaks off what is being sent (it is sent again by whoever comes next), and waits for that. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await Promise.all([this.#channel.close(), this.#looking]);
    await Promise.all(this.#working.values());
  }

  #look(): void {
    this.#due = true;
    this.#looking ??= this.#lookOn();
  }

  async #lookOn(): Promise<void> {
    while (this.#due && !this.#closing.signal.aborted) {
      this.#due = false;
      try {
        await this.#begin();
        this.#failing = false;
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#looking = null;
  }

  async #begin(): Promise<void> {
    const { db } = this.#context;
    const newest = await newestEvent(db);
    for (const webhook of await dueWebhooks(db)) {
      if (this.#working.has(webhook.id) || this.#placeOf(webhook) >= newest) continue;
      if (this.#working.size >= AT_ONCE) return;
      this.#working.set(webhook.id, this.#workOn(webhook));
    }
  }

  async #workOn(webhook: Webhook): Promise<void> {
    try {
      await this.#work(webhook);
      // What has come meanwhile, and who had to wait for a place.
      this.#due = true;
    } catch (error) {
      this.#fail(error);
    }
    this.#working.delete(webhook.id);
    if (this.#due) this.#look();
  }

  /** Said once a period of the database's absence; the timer looks again. */
  #fail(error: unknown): void {
    if (!this.#failing) this.#log.warn({ err: error }, 'webhooks cannot be served; it is tried again');
    this.#failing = true;
  }

  #placeOf({ id, types, cursor }: Webhook): number {
    const seen = this.#seen.get(id);
    return seen?.types === types.join() ? Math.max(seen.cursor, cursor) : cursor;
  }

  /** Delivers to a webhook until there is nothing more for it, or it does not take what comes next. */
  async #work(webhook: Webhook): Promise<void> {
    const { db } = this.#context;
    if ((await this.#nextOf(webhook)) === null) return;
    try {
      for (;;) {
        // Each time anew: what was changed meanwhile counts.
        const mine = await takeWebhook(db, webhook.id, this.#owner, LEASE_SECONDS);
        const next = mine && (await this.#nextOf(mine));
        if (!mine || !next || !(await this.#attempt(mine, next))) return;
      }
    } finally {
      await releaseWebhook(db, webhook.id, this.#owner);
    }
  }

  async #nextOf(webhook: Webhook): Promise<Next | null> {
    const { db } = this.#context;
    const filter = { tenants: [webhook.tenantId], types: webhook.types };
    let place = this.#placeOf(webhook);
    for (;;) {
      const { events, kept } = await eventsAfter(db, place, PAGE);
      if (!kept) return missed(await newestEvent(db));
      const event = events.find((one) => wantsEvent(filter, one));
      if (event) return { cursor: event.id, event: eventView(event) };
      place = events.at(-1)?.id ?? place;
      if (events.length < PAGE) break;
    }
    this.#seen.set(webhook.id, { types: webhook.types.join(), cursor: place });
    if (place - webhook.cursor > LAG) await advanceWebhook(db, webhook.id, place);
    return null;
  }

  /** False when the webhook waits now, or was ended. */
  async #attempt(webhook: Webhook, { event, cursor }: Next): Promise<boolean> {
    const { db } = this.#context;
    const message = messageOf(webhook.id, event, cursor);
    const done = await deliver(this.#context, webhook, message, this.#closing.signal);
    if (done === null) return false;
    const { failures, failingSince } = webhook;
    const failingMs = failingSince === null ? 0 : Date.now() - failingSince.getTime();
    const decision = decideDelivery(done.attempt, { failures, failingMs, random: Math.random() });
    if (decision.action === 'delivered') {
      await advanceWebhook(db, webhook.id, cursor);
      return true;
    }
    if (decision.action === 'retry') await postponeWebhook(db, webhook.id, decision.afterMs);
    else {
      this.#log.warn({ webhook: webhook.id, reason: decision.reason }, 'a webhook was ended');
      await disableWebhook(db, webhook, decision.reason);
    }
    return false;
  }
}

/** As the stream says it to whom its last id is too old. */
function missed(newest: number): Next {
  const message = 'Events were missed that are not kept any more; read the lists again.';
  const at = new Date().toISOString();
  const event = { id: newest, type: RESET, subject: 'events', actor: null, message, data: {}, at };
  return { cursor: newest, event };
}
