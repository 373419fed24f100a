import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { problemFaults } from './fuzz/checkAnswer.ts';
import { useApi } from './support/api.ts';

const api = useApi();
const LONG = 'a'.repeat(20_000);

/** What the server says to these bytes; it ends the connection. */
async function say(bytes: string): Promise<{ status: number; head: string; body: string }> {
  const url = new URL(await api.app.listen({ port: 0, host: '127.0.0.1' }));
  const socket = connect(Number(url.port), url.hostname);
  socket.write(bytes);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body };
}

describe('what is no HTTP request', () => {
  it.each([
    ['garbage', '\u0001\u0002\r\n\r\n', 400, 'notHttp'],
    ['a method that there is not', 'FLY /healthz HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'notHttp'],
    ['a NUL in a header', 'GET /healthz HTTP/1.1\r\nhost: x\r\na: \0\r\n\r\n', 400, 'notHttp'],
    ['headers without end', `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${LONG}\r\n\r\n`, 431, 'headTooLarge'],
    ['a URL without end', `GET /${LONG} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'headTooLarge'],
  ])('is answered by a problem document: %s', async (_what, bytes, status, code) => {
    const answer = await say(bytes);
    expect(answer.status).toBe(status);
    expect(answer.head).toContain('content-type: application/problem+json');
    expect(problemFaults(status, answer.body)).toEqual([]);
    expect(JSON.parse(answer.body)).toMatchObject({ causes: [{ code }] });
  });
});

describe('a request that cannot be read', () => {
  it.each([
    ['GET', '/api/v1/devices/%00', 400, 'unreadableText'],
    ['GET', '/api/v1/audit?tenant=%00', 400, 'unreadableText'],
    ['GET', '/api/v1/computes?label=a%3D%00', 400, 'unreadableText'],
    ['DELETE', '/api/v1/devices/a%00b', 400, 'unreadableText'],
    ['GET', '/api/v1/devices/%zz', 400, 'unreadableUrl'],
    ['GET', '/api/v1/devices/%ed%a0%80', 400, 'unreadableUrl'],
    ['GET', `/api/v1/devices/${'a'.repeat(129)}`, 400, 'invalid'],
    ['GET', `/api/v1/devices/${'%F0%9F%98%80'.repeat(64)}`, 404, 'unknownDevice'],
    ['GET', '/api/v1/nothing', 404, 'unknownRoute'],
    ['PUT', '/api/v1/devices', 405, 'methodNotAllowed'],
  ] as const)('%s %s is answered by %i %s', async (method, url, status, code) => {
    const answer = await api.call(method, url.replace('/api/v1', ''));
    expect(answer).toMatchObject({ status, body: { causes: [{ code }] } });
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  it.each([
    ['PATCH', '/devices/x', { labels: { a: '\0' } }],
    ['PATCH', '/devices/x', { labels: { '\0': 'a' } }],
    ['PATCH', '/devices/x', { location: '\ud800' }],
    ['POST', '/tokens', { name: 'a\0' }],
    ['POST', '/computes', { name: 'a', image: 'b', env: { A: '\udc00' } }],
  ] as const)('%s %s with the body %j is one', async (method, path, body) => {
    expect(await api.call(method, path, body)).toMatchObject({
      status: 400,
      body: { causes: [{ code: 'unreadableText' }] },
    });
  });

  it('is in the audit, in words that can be kept', async () => {
    await api.call('DELETE', '/devices/a%00b');
    const { body } = await api.call('GET', '/audit?all=true');
    expect(body.items[0]).toMatchObject({
      action: 'DELETE /devices/:id',
      subject: 'a\ufffdb',
      causes: ['unreadableText'],
    });
  });

  it.each([
    ['GET', '/device/v1/transfers/%zz', 400, 'unreadableUrl'],
    ['POST', '/device/v1/heartbeat?a=%00', 400, 'unreadableText'],
    ['GET', '/device/v1/heartbeat', 405, 'methodNotAllowed'],
    ['GET', '/device/v1/nothing', 404, 'unknownRoute'],
  ] as const)("is answered so by the devices' API: %s %s", async (method, url, status, code) => {
    const answer = await api.deviceApp.inject({ method, url });
    expect([answer.statusCode, answer.json()]).toMatchObject([status, { causes: [{ code }] }]);
  });

  it('has nothing to change in a quota, and gets it as it is', async () => {
    const id = (await api.call('GET', '/tenants')).body.items[0]!.id;
    const before = await api.call('GET', `/tenants/${id}/quota`);
    expect(await api.call('PATCH', `/tenants/${id}/quota`, {})).toMatchObject({
      status: 200,
      body: before.body,
    });
  });
});
