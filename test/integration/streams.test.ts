import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { setComputeState } from '../../db/computes.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { useApi } from './support/api.ts';
import { type FakeLink, startFakeLink } from './support/fakeLink.ts';
import { makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';

const api = useApi();
const links: FakeLink[] = [];
afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
});

/** A running compute on a device whose link answers, as `name` if given. */
async function withLink(name?: string, logs?: Parameters<typeof startFakeLink>[2]) {
  const { db, authority } = api.context;
  const device = await makeDevice(db);
  let aborted: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (aborted = resolve));
  const link = await startFakeLink(authority, name ?? device.id, (request, response) => {
    if (request.url?.includes('tail=404') === true) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    if (logs) {
      logs(request, response);
      return;
    }
    response.write('{"stream":"stdout","data":"aGkK"}\n');
    if (request.url?.includes('follow=1') !== true) response.end();
    response.once('close', aborted);
  });
  links.push(link);
  await heartbeat(db, device.id, makeInventory({ linkAddress: link.address }));
  const compute = await makeCompute(db, { name: 'web', deviceId: device.id });
  const token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.app.server.address() as AddressInfo;
  return { compute, device, link, token, gone, base: `127.0.0.1:${String(port)}/api/v1` };
}

describe('logs', () => {
  it("come from the device's link, asked as the control plane", async () => {
    const { compute, link } = await withLink();
    const answer = await api.call('GET', '/computes/web/logs?tail=5');
    expect(answer).toMatchObject({ status: 200, body: '{"stream":"stdout","data":"aGkK"}\n' });
    expect(link.asked).toEqual([`control http/1.1 /v1/computes/${compute.id}/logs?follow=0&tail=5`]);
  });

  it('stream, and stop at the device when the reader goes away', async () => {
    const { base, token, gone } = await withLink();
    const abort = new AbortController();
    const response = await fetch(`http://${base}/computes/web/logs?follow=1`, {
      headers: { authorization: `Bearer ${token}` },
      signal: abort.signal,
    });
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('aGkK')) text += Buffer.from((await reader.read()).value).toString();
    abort.abort();
    await gone;
  });

  it('that are followed go on when the program is started again, line by line, and say why they end', async () => {
    const { db } = api.context;
    const line = (second: number, text: string) =>
      JSON.stringify({
        time: `2026-03-01T12:00:0${String(second)}.000000001Z`,
        stream: 'stdout',
        data: Buffer.from(text).toString('base64'),
      });
    const asked: string[] = [];
    const { compute } = await withLink(undefined, (request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').search);
      const lines = [line(1, 'one'), line(2, 'two'), line(3, 'three')];
      // Its end comes in the middle of a line, then in order, then for good.
      if (asked.length === 1) {
        response.write(`${lines[0]!}\n${lines[1]!.slice(0, 40)}`, () => response.destroy());
        return;
      }
      response.end(`${lines.slice(0, asked.length).join('\n')}\n`);
      if (asked.length === 3) void setComputeState(db, compute.id, 'stopped');
    });
    const answer = await api.call('GET', '/computes/web/logs?follow=1&tail=5');
    const items = (answer.body as unknown as string).split('\n').filter(Boolean);
    expect(items.map((item) => JSON.parse(item) as unknown)).toEqual([
      ...[line(1, 'one'), line(2, 'two'), line(3, 'three')].map((item) => JSON.parse(item) as unknown),
      { end: 'The compute is stopped.' },
    ]);
    const again = `?follow=1&since=${String(Date.parse('2026-03-01T11:59:01Z') / 1000)}.000000001`;
    expect(asked.slice(0, 3)).toEqual(['?follow=1&tail=5', again, again]);
  });

  it('come as text, with or without their times, and as a file', async () => {
    const entry = (stream: string, text: string) =>
      JSON.stringify({
        time: '2026-03-01T12:00:00.000000000Z',
        stream,
        data: Buffer.from(text).toString('base64'),
      });
    await withLink(undefined, (_request, response) => {
      response.end(`${[entry('stdout', 'a '), entry('stdout', 'b\n'), entry('stderr', 'ü\n')].join('\n')}\n`);
    });
    const text = await api.call('GET', '/computes/web/logs?format=text');
    expect(text).toMatchObject({ status: 200, body: 'a b\nü\n' });
    const stamped = await api.call('GET', '/computes/web/logs?download=true&timestamps=1');
    expect(stamped.body).toBe('2026-03-01T12:00:00.000000000Z a b\n2026-03-01T12:00:00.000000000Z ü\n');
    expect(stamped.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': 'attachment; filename="web.log"',
    });
  });

  it('are asked for from an instant on, and refuse what is none', async () => {
    const { link } = await withLink();
    await api.call('GET', '/computes/web/logs?since=2026-03-01T12:00:00Z');
    expect(link.asked[0]).toContain(`since=${String(Date.parse('2026-03-01T12:00:00Z') / 1000)}.000000000`);
    for (const since of ['yesterday', '10', '%01'])
      expect(await api.call('GET', `/computes/web/logs?since=${since}`)).toMatchObject({
        status: 400,
        body: { causes: [{ code: 'invalid' }] },
      });
  });

  it('are not taken from another device at that address', async () => {
    await withLink('dev_000000000000');
    const answer = await api.call('GET', '/computes/web/logs');
    expect(answer).toMatchObject({ status: 409, body: { causes: [{ code: 'deviceUnreachable' }] } });
  });

  it('say when the device cannot be reached or says no', async () => {
    const { link } = await withLink();
    expect(await api.call('GET', '/computes/web/logs?tail=404')).toMatchObject({
      status: 502,
      body: { causes: [{ code: 'linkFailed' }] },
    });
    await link.close();
    links.splice(0);
    expect(await api.call('GET', '/computes/web/logs')).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'deviceUnreachable' }] },
    });
    expect((await api.call('GET', '/computes/nosuch/logs')).status).toBe(404);
  });
});

describe('exec', () => {
  it('is of no use to a client that does not ask for a WebSocket, and says so', async () => {
    await withLink();
    const { status, body, headers } = await api.call('GET', '/computes/web/exec');
    expect([status, body.causes?.[0]?.code, headers['upgrade']]).toEqual([
      426,
      'upgradeRequired',
      'websocket',
    ]);
  });

  const open = (url: string, headers: Record<string, string>) =>
    new Promise<{ socket: WebSocket } | { status: number; body: { causes: { code: string }[] } }>(
      (resolve, reject) => {
        const socket = new WebSocket(url, { headers });
        socket.once('error', reject);
        socket.once('open', () => {
          resolve({ socket });
        });
        socket.once('unexpected-response', (_request, response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.once('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              body: JSON.parse(text) as { causes: { code: string }[] },
            });
          });
        });
      },
    );

  it('passes frames through in both directions, and the end', async () => {
    const { base, token, compute, link } = await withLink();
    const opened = await open(`ws://${base}/computes/web/exec`, { authorization: `Bearer ${token}` });
    if (!('socket' in opened)) throw new Error(JSON.stringify(opened));
    const { socket } = opened;
    const out: Buffer[] = [];
    const texts: string[] = [];
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) out.push(data);
      else texts.push(data.toString());
    });
    socket.send(JSON.stringify({ command: ['cat', '-n'], tty: false, stdin: true }));
    const large = Buffer.alloc(3 * 2 ** 20, 'x');
    for (let at = 0; at < large.length; at += 65_536)
      socket.send(Buffer.concat([Buffer.from([0]), large.subarray(at, at + 65_536)]));
    socket.send(JSON.stringify({ eof: true }));
    const closeCode = await new Promise((resolve) => socket.once('close', resolve));
    expect(closeCode).toBe(1000);
    expect(out[0]!.toString()).toBe('\u0002cat -n');
    expect(out.slice(1).reduce((bytes, frame) => bytes + frame.length - 1, 0)).toBe(large.length);
    expect(texts).toEqual(['{"exit":7}']);
    expect(link.asked).toEqual([`control http/1.1 /v1/computes/${compute.id}/exec`]);
  });

  it('refuses with a problem document before the connection is upgraded', async () => {
    const { base, token, compute } = await withLink();
    const headers = { authorization: `Bearer ${token}` };
    expect(await open(`ws://${base}/computes/nosuch/exec`, headers)).toMatchObject({ status: 404 });
    expect(await open(`ws://${base}/computes/web/exec`, {})).toMatchObject({ status: 401 });
    await setComputeState(api.context.db, compute.id, 'stopped');
    expect(await open(`ws://${base}/computes/web/exec`, headers)).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'notRunning' }] },
    });
  });

  it('closes when the device does not answer', async () => {
    const { base, token, link } = await withLink();
    await link.close();
    links.splice(0);
    const opened = await open(`ws://${base}/computes/web/exec`, { authorization: `Bearer ${token}` });
    if (!('socket' in opened)) throw new Error(JSON.stringify(opened));
    const code = await new Promise((resolve) => opened.socket.once('close', resolve));
    expect(code).toBe(1011);
  });
});
