import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { setComputeState } from '../../db/computes.ts';
import { heartbeat } from '../../db/devices.ts';
import { useApi } from './support/api.ts';
import { type FakeLink, startFakeLink } from './support/fakeLink.ts';
import { makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';

const api = useApi();
const links: FakeLink[] = [];
afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
});

/** A running compute on a device whose link answers, as `name` if given. */
async function withLink(name?: string) {
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
    expect(Buffer.from((await reader.read()).value).toString()).toContain('aGkK');
    abort.abort();
    await gone;
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
