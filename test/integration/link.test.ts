import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openAuthority, type Authority } from '../../api/pki/authority.ts';
import { newCertificateRequest } from '../../device/control/identityStore.ts';
import type { Identity } from '../../device/link/identity.ts';
import { LinkClient } from '../../device/link/linkClient.ts';
import { LinkServer, type LinkRequest } from '../../device/link/linkServer.ts';

let directory: string;
let ours: Authority;
let theirs: Authority;
let server: LinkServer;
let address: string;
let served: string[];
let logged: string[];

const SERVER = 'dev_000000000001';
const PEER = 'dev_000000000002';

async function identity(authority: Authority, deviceId: string): Promise<Identity> {
  const { key, csr } = await newCertificateRequest('anything');
  const { certificate } = await authority.signRequest(csr, deviceId);
  return { deviceId, key, certificate, ca: authority.certificate };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'link-'));
  [ours, theirs] = await Promise.all([
    openAuthority(join(directory, 'a')),
    openAuthority(join(directory, 'b')),
  ]);
});
afterAll(() => rm(directory, { recursive: true }));

beforeEach(async () => {
  [served, logged] = [[], []];
  server = new LinkServer(await identity(ours, SERVER), {
    async device({ stream, path, peer }: LinkRequest) {
      served.push(`${peer} ${path} ${await text(stream)}`);
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify({ heard: path }));
    },
    async control(request, response) {
      served.push(`control ${request.url}`);
      response.end('logs');
    },
    controlUpgrade: (_request, socket) => socket.destroy(),
    log: (message) => logged.push(message),
  });
  address = `127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
});
afterEach(() => server.close());

const peer = () => ({ id: SERVER, linkAddress: address });

test('a peer with a certificate of our authority is served, under the name in it', async () => {
  const client = await LinkClient.connect(await identity(ours, PEER), peer());
  expect(await client.call('/v1/x', { a: 1 })).toEqual({ heard: '/v1/x' });
  expect(served).toEqual([`${PEER} /v1/x {"a":1}`]);
  client.close();
});

test('a peer with a certificate of another authority is refused', async () => {
  const stranger = await identity(theirs, PEER);
  await expect(
    LinkClient.connect({ ...stranger, ca: ours.certificate }, peer()).then((client) =>
      client.call('/v1/x', {}),
    ),
  ).rejects.toThrow();
  expect(served).toEqual([]);
});

test('a peer without a certificate is refused', async () => {
  const [host = '', port = ''] = address.split(':');
  const closed = await new Promise<string>((resolve) => {
    const socket = tls.connect({
      host,
      port: Number(port),
      ca: ours.certificate,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
    socket.resume();
  });
  expect(closed).toMatch(/ERR_SSL|closed|ECONNRESET/);
  expect(served).toEqual([]);
  expect(logged).toContain('a peer was refused');
});

test('a server that is another device is not talked to', async () => {
  const expected = { id: 'dev_000000000003', linkAddress: address };
  await expect(LinkClient.connect(await identity(ours, PEER), expected)).rejects.toMatchObject({
    cause_: {
      code: 'peerUnreachable',
      message: expect.stringContaining(`the peer is ${SERVER}, not dev_000000000003`) as string,
    },
  });
  expect(served).toEqual([]);
});

test('a server of another authority is not talked to', async () => {
  const client = await identity(ours, PEER);
  await expect(LinkClient.connect({ ...client, ca: theirs.certificate }, peer())).rejects.toThrow();
});

test('what is the control plane’s to ask is refused to a device', async () => {
  const { key, certificate, ca } = await identity(ours, PEER);
  const [host = '', port = ''] = address.split(':');
  await new Promise<void>((resolve) => {
    const socket = tls.connect(
      {
        host,
        port: Number(port),
        key,
        cert: certificate,
        ca,
        ALPNProtocols: ['http/1.1'],
        checkServerIdentity: () => undefined,
      },
      () => socket.write('GET /v1/computes/cmp_000000000001/logs HTTP/1.1\r\nhost: x\r\n\r\n'),
    );
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
  });
  expect(served).toEqual([]);
  expect(logged).toContain('a device asked for what only the control plane may');
});

test('older TLS is not spoken', async () => {
  const { key, certificate, ca } = await identity(ours, PEER);
  const [host = '', port = ''] = address.split(':');
  const outcome = await new Promise<string>((resolve) => {
    const socket = tls.connect(
      {
        host,
        port: Number(port),
        key,
        cert: certificate,
        ca,
        maxVersion: 'TLSv1.2',
        checkServerIdentity: () => undefined,
      },
      () => resolve('connected'),
    );
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  });
  expect(outcome).not.toBe('connected');
});

test('a machine that stood still does not take its own silence for the peer’s, on either side', async () => {
  const client = await LinkClient.connect(await identity(ours, PEER), peer());
  expect(await client.call('/v1/x', 1)).toEqual({ heard: '/v1/x' });
  // Longer than either side waits for a sign of life; both are in this process.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3500);
  const lived = new Promise((resolve) => setTimeout(() => resolve('lives'), 500));
  expect(await Promise.race([client.closed.then(() => 'closed'), lived])).toBe('lives');
  expect(await client.call('/v1/x', 2)).toEqual({ heard: '/v1/x' });
  client.close();
});
