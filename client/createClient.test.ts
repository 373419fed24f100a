import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROBLEM_TYPE } from '../core/api/common.ts';
import { answerCheck } from './checkAnswer.ts';
import { type Client, createClient } from './createClient.ts';

const ACCEPTED = { id: 'cmp_1', workflowId: 'w', runId: 'r' };
let client: Client;
let url = '';
let handle: (request: IncomingMessage, response: ServerResponse) => unknown;
const server = createServer((request, response) => void handle(request, response));

beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  client = createClient({ url: `${url}/`, headers: { authorization: 'Bearer x' }, check: answerCheck() });
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

function answer(status: number, body?: unknown, type = 'application/json'): void {
  handle = (_request, response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  };
}

describe('a request', () => {
  it('goes to the route with its path, query, headers and body, and resolves with the body of the answer', async () => {
    const seen: unknown[] = [];
    handle = async (request, response) => {
      const { method, url: path, headers } = request;
      seen.push(method, path, headers.authorization, headers['content-type'], await json(request));
      response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(ACCEPTED));
    };
    const body = { name: 'web', image: 'sample' };
    expect(await client.post('/computes', { body })).toEqual(ACCEPTED);
    expect(seen).toEqual(['POST', '/api/v1/computes', 'Bearer x', 'application/json', body]);
    handle = ({ method, url: path }, response) => {
      seen.splice(0, Infinity, method, path);
      response.writeHead(200).end('{"items":[],"nextCursor":null}');
    };
    await client.get('/computes', { params: { query: { label: ['a=b', 'c=d'], cursor: undefined } } });
    expect(seen).toEqual(['GET', '/api/v1/computes?label=a%3Db&label=c%3Dd']);
  });

  it('names a thing as it is, whatever its name', async () => {
    let path: string | undefined;
    handle = (request, response) => {
      path = request.url;
      response.writeHead(204).end();
    };
    expect(await client.delete('/images/{id}', { params: { path: { id: 'shop/web:1?' } } })).toBeUndefined();
    expect(path).toBe('/api/v1/images/shop%2Fweb%3A1%3F');
  });

  it('may have a stream for a body', async () => {
    let heard = '';
    handle = async (request, response) => {
      heard = `${request.headers['content-type'] ?? ''} ${await text(request)}`;
      response.writeHead(500).end();
    };
    const body = new Blob(['bytes']).stream();
    const headers = { 'content-type': 'application/x-tar' };
    const sent = client.post('/images', { params: { query: { name: 'x' } }, headers, body });
    await expect(sent).rejects.toMatchObject({ problem: { status: 500 } });
    expect(heard).toBe('application/x-tar bytes');
  });
});

describe('an answer', () => {
  it('that is a problem is thrown with its causes, also when a stream was asked for', async () => {
    const cause = { code: 'unknownCompute', message: 'There is no compute x.', mend: 'List them.' };
    const problem = { type: 'x', title: 'Not Found', status: 404, detail: cause.message, causes: [cause] };
    answer(404, problem, PROBLEM_TYPE);
    const of = { params: { path: { id: 'x' } } };
    await expect(client.get('/computes/{id}', of)).rejects.toMatchObject({ problem });
    await expect(client.open('/computes/{id}/logs', of)).rejects.toMatchObject({ problem });
  });

  it('of somebody else says so', async () => {
    answer(502, '<html>Bad gateway</html>', 'text/html');
    await expect(client.get('/auth/me')).rejects.toMatchObject({
      problem: { status: 502, causes: [{ code: 'notDrayage', mend: 'Check the URL.' }] },
    });
  });

  it.each<[string, unknown]>([
    ['lacks a member', { id: 'cmp_1', workflowId: 'w' }],
    ['has a member of another type', { ...ACCEPTED, id: 1 }],
    ['is no JSON', '<html>'],
  ])('that %s is not given out', async (_name, body) => {
    answer(202, body);
    const asked = client.post('/computes/{id}/stop', { params: { path: { id: 'x' } } });
    await expect(asked).rejects.toMatchObject({ cause_: { code: 'unexpectedAnswer' } });
  });

  it('may have more members than are known: the control plane may be newer', async () => {
    answer(202, { ...ACCEPTED, news: true });
    const params = { path: { id: 'x' } };
    expect(await client.post('/computes/{id}/stop', { params })).toEqual({ ...ACCEPTED, news: true });
  });

  it('that does not come may be asked for again; one that nobody wants any more is no failure of the API', async () => {
    const nobody = createClient({ url: 'http://127.0.0.1:1' });
    await expect(nobody.get('/auth/me')).rejects.toMatchObject({
      retryable: true,
      cause_: { code: 'apiAway' },
    });
    const given = new AbortController();
    handle = () => given.abort();
    await expect(client.get('/auth/me', { signal: given.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});
