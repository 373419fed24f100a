import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { forward } from './forward.ts';

const HOST = '127.0.0.1';

async function listen(answer: string) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(`${answer} ${String(data)}`));
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function freePort(): Promise<number> {
  const { server, port } = await listen('');
  server.close();
  await once(server, 'close');
  return port;
}

describe('forward', () => {
  it('passes both directions on, and ends with its connections', async () => {
    const target = await listen('heard');
    const port = await freePort();
    const { close } = await forward({ host: HOST, port }, { host: HOST, port: target.port });
    const client = connect(port, HOST);
    client.write('hello');
    expect(String((await once(client, 'data'))[0])).toBe('heard hello');
    const ended = once(client, 'close');
    await close();
    await ended;
    target.server.close();
  });

  it('closes a connection whose other end is not there', async () => {
    const port = await freePort();
    const { close } = await forward({ host: HOST, port }, { host: HOST, port: await freePort() });
    const client = connect(port, HOST);
    client.on('error', () => {});
    await once(client, 'close');
    await close();
  });
});
