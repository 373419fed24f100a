import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import type { EventView } from '../../../core/api/events.ts';

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  url: string;
  /** Everything that came, in that order. */
  received: Received[];
  /** Events of what was answered by 2xx. */
  taken: EventView[];
  /** What it answers; by default 204. */
  answer: (request: Received) => number | { status: number; headers: Record<string, string>; body: Buffer };
  /** Resolves once something that came matches. */
  until(match: (request: Received) => boolean): Promise<void>;
  close(): Promise<void>;
}

/** A receiver of webhooks, on a free port of its own or the given one. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void (async () => {
      const one = { headers: request.headers, body: (await buffer(request)).toString() };
      const answer = receiver.answer(one);
      const { status, headers, body } =
        typeof answer === 'number' ? { status: answer, headers: {}, body: Buffer.alloc(0) } : answer;
      receiver.received.push(one);
      if (status < 300) receiver.taken.push(eventOf(one));
      response.on('error', () => undefined);
      response.writeHead(status, headers).end(body);
      for (const look of waiting) look();
    })();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hook`,
    received: [],
    taken: [],
    answer: () => 204,
    until: (match) =>
      new Promise((resolve) => {
        const look = () => {
          if (!receiver.received.some(match)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

/** The event in a message. */
export function eventOf({ body }: Received): EventView {
  return (JSON.parse(body) as { data: EventView }).data;
}

/** Checks the signature with the reference library. @throws when it is not the secret's */
export function checkSignature(secret: string, { headers, body }: Received): void {
  new Webhook(secret).verify(body, headers as Record<string, string>);
}
