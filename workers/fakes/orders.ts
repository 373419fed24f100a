import { createServer, type IncomingMessage, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { fakeHoldSchema, fakeNameSchema, fakeStartSchema } from '../../core/fakeOrders.ts';
import { toCause } from '../../core/toCause.ts';
import type { FakeHost } from './fakeHost.ts';

const partSchema = z.enum(['device', 'worker']);

/**
 * What the lab may order, over a socket that only its owner reaches: `GET /` says which run, `PUT /NAME` starts one, `POST /NAME`
 * gives it computes, `DELETE /NAME?part=device|worker` ends it at once.
 */
export function serveOrders(hosts: Map<string, FakeHost>, makeHost: (name: string) => FakeHost): Server {
  const answer = async (request: IncomingMessage): Promise<unknown> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fakes');
    if (request.method === 'GET')
      return Object.fromEntries([...hosts].map(([name, { runs }]) => [name, runs]));
    const name = fakeNameSchema.parse(pathname.slice(1));
    const host = hosts.get(name) ?? makeHost(name);
    hosts.set(name, host);
    if (request.method === 'DELETE')
      return { ran: await host.kill(partSchema.parse(searchParams.get('part'))) };
    if (request.method === 'POST') {
      host.hold(fakeHoldSchema.parse(await json(request)));
      return {};
    }
    await host.start(fakeStartSchema.parse(await json(request)));
    return {};
  };
  return createServer((request, response) => {
    answer(request).then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(400).end(toCause(error).message),
    );
  });
}
