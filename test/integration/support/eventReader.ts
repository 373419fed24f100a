import { setTimeout as pause } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { EventView } from '../../../core/api/events.ts';

export interface EventReader {
  /** What was heard, in that order, over all connections. */
  readonly heard: EventView[];
  readonly comments: string[];
  /** How often it was connected. */
  readonly connections: number;
  /** Resolves with the events once one matches. */
  until(match: (event: EventView) => boolean): Promise<EventView[]>;
  stop(): Promise<void>;
}

export interface ReaderOptions {
  token: string;
  query?: Record<string, string>;
  lastEventId?: number;
}

/** Follows the stream as a browser does: comes back with the last id whenever it is cut off. */
export async function readEvents(url: string, options: ReaderOptions): Promise<EventReader> {
  const stopping = new AbortController();
  const heard: EventView[] = [];
  const comments: string[] = [];
  const waiting = new Set<() => void>();
  let last = options.lastEventId?.toString();
  let connections = 0;

  const connect = () => openEvents(url, { ...options, last, signal: stopping.signal });
  const read = async (response: Response) => {
    connections += 1;
    last ??= response.headers.get('last-event-id') ?? undefined;
    const onEvent = ({ id, event, data }: EventSourceMessage) => {
      last = id ?? last;
      const view = JSON.parse(data) as EventView;
      if (event !== view.type || (id ?? null) !== (view.id?.toString() ?? null))
        throw new Error(`message ${String(event)} ${String(id)} holds ${data}`);
      heard.push(view);
      for (const look of waiting) look();
    };
    const parser = createParser({ onEvent, onComment: (comment) => comments.push(comment) });
    const decoder = new TextDecoder();
    for await (const chunk of response.body!)
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
  };
  const follow = async (first: Response) => {
    let response: Response | undefined = first;
    while (!stopping.signal.aborted) {
      try {
        await read(response ?? (await connect()));
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('message ')) throw error;
      }
      response = undefined;
      // The server may be away: nothing tells when it is back.
      if (!stopping.signal.aborted) await pause(50);
    }
  };
  const first = await connect();
  if (!first.ok) throw new Error(`the stream is refused: ${String(first.status)} ${await first.text()}`);
  const following = follow(first);
  following.catch(() => undefined);
  return {
    heard,
    comments,
    get connections() {
      return connections;
    },
    until: (match) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!heard.some(match)) return;
          waiting.delete(look);
          resolve(heard);
        };
        waiting.add(look);
        following.catch(reject);
        look();
      }),
    stop: async () => {
      stopping.abort();
      await following;
    },
  };
}

/** One connection. */
export async function openEvents(
  url: string,
  options: ReaderOptions & { last?: string | undefined; signal?: AbortSignal },
): Promise<Response> {
  const { token, query = {}, last, signal } = options;
  return fetch(`${url}/api/v1/events?${new URLSearchParams(query).toString()}`, {
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(last === undefined ? {} : { 'last-event-id': last }),
    },
    signal,
  });
}
