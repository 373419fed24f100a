import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openAuthority, type Authority } from '../../api/pki/authority.ts';
import { DrayageError } from '../../core/cause.ts';
import { BACKDATED_MS } from '../../core/decideRenewal.ts';
import type { PeerResponse } from '../../core/deviceApi.ts';
import { newCertificateRequest } from '../../device/control/identityStore.ts';
import type { Identity } from '../../device/link/identity.ts';
import { LinkClient, SILENCE_MS } from '../../device/link/linkClient.ts';
import { KnownPeers } from '../../device/link/knownPeers.ts';
import { type LinkHandlers, type LinkRequest, LinkServer } from '../../device/link/linkServer.ts';
import { LIFE_SECONDS } from './support/tls.ts';

let directory: string;
let ours: Authority;
let theirs: Authority;
let server: LinkServer;
let address: string;
let served: string[];
let logged: string[];
let peers: KnownPeers;
/** What the control plane says of a peer. */
let control: (deviceId: string) => Promise<PeerResponse>;
const away = new DrayageError(
  { code: 'controlPlaneUnreachable', message: 'It is away.', mend: 'Wait.' },
  { retryable: true },
);

const SERVER = 'dev_000000000001';
const PEER = 'dev_000000000002';

async function identity(authority: Authority, deviceId: string, after?: Date): Promise<Identity> {
  const { key, csr } = await newCertificateRequest('anything');
  const { certificate } = await authority.signRequest(csr, deviceId, LIFE_SECONDS, after);
  return { deviceId, key, certificate, ca: authority.certificate };
}

/** A link's server, listening at `address`. */
async function started(lookMs?: number): Promise<LinkServer> {
  const handlers: LinkHandlers = {
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
    allows: (deviceId, certificate) => peers.allows(deviceId, certificate),
  };
  const made = new LinkServer(await identity(ours, SERVER), handlers, lookMs);
  address = `127.0.0.1:${await made.listen('127.0.0.1', 0)}`;
  return made;
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
  control = () => Promise.reject(away);
  peers = new KnownPeers((deviceId) => control(deviceId));
  server = await started();
});
afterEach(() => server.close());

const peer = () => ({ id: SERVER, linkAddress: address });

test('a peer with a certificate of our authority is served, under the name in it', async () => {
  const client = await LinkClient.connect(await identity(ours, PEER), peer());
  expect(await client.call('/v1/x', { a: 1 })).toEqual({ heard: '/v1/x' });
  expect(served).toEqual([`${PEER} /v1/x {"a":1}`]);
  client.close();
});

test('a link on which nothing is said stays open', async () => {
  const client = await LinkClient.connect(await identity(ours, PEER), peer());
  const longer = new Promise((resolve) => setTimeout(resolve, 2 * SILENCE_MS, 'open'));
  expect(await Promise.race([client.closed.then(() => 'closed'), longer])).toBe('open');
  expect(await client.call('/anything', {})).toEqual({ heard: '/anything' });
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

describe('the control plane says whose certificates count', () => {
  /** As it is on record: the key of a certificate, and when that was issued. */
  const recordOf = (who: Identity) => {
    const certificate = new X509Certificate(who.certificate);
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    const issuedAt = Date.parse(certificate.validFrom) + BACKDATED_MS;
    return { keyHash: createHash('sha256').update(spki).digest('hex'), issuedAt };
  };
  const says = (who?: Identity) => () =>
    Promise.resolve({ id: PEER, linkAddress: '', ...(who ? { certificate: recordOf(who) } : {}) });
  const inAnHour = new Date(Date.now() + 3_600_000);
  const removed = () =>
    Promise.reject(
      new DrayageError({ code: 'unknownDevice', message: 'There is none.', mend: 'List them.' }),
    );
  const asks = async (who: Identity) => {
    const client = await LinkClient.connect(who, peer());
    try {
      return await client.call('/v1/x', {});
    } finally {
      client.close();
    }
  };

  test('one that it has for the device is served; one that a newer one has followed is not', async () => {
    const [old, current] = [await identity(ours, PEER), await identity(ours, PEER, inAnHour)];
    control = says(current);
    expect(await asks(current)).toEqual({ heard: '/v1/x' });
    await expect(asks(old)).rejects.toThrow();
    expect(served).toEqual([`${PEER} /v1/x {}`]);
    expect(logged.filter((line) => line.includes('was refused that was removed'))).toHaveLength(1);
  });

  test('a newer one is served, too, although the control plane has not heard of it', async () => {
    const [old, newer] = [await identity(ours, PEER), await identity(ours, PEER, inAnHour)];
    control = says(old);
    for (const who of [old, newer, old]) expect(await asks(who)).toEqual({ heard: '/v1/x' });
  });

  test('those of a removed device are not served, also while it is away', async () => {
    const who = await identity(ours, PEER);
    control = removed;
    await expect(asks(who)).rejects.toThrow();
    control = () => Promise.reject(away);
    await expect(asks(who)).rejects.toThrow();
    expect(served).toEqual([]);
  });

  test('of one that does not say which, as earlier versions, all are', async () => {
    control = says();
    expect(await asks(await identity(ours, PEER))).toEqual({ heard: '/v1/x' });
  });

  test('while it does not answer at all, peers are not kept waiting', async () => {
    control = () => new Promise(() => undefined);
    expect(await asks(await identity(ours, PEER))).toEqual({ heard: '/v1/x' });
  });

  test('a peer that was good is served at once, and cut off when it turns out to be removed', async () => {
    await server.close();
    peers = new KnownPeers((deviceId) => control(deviceId), 0);
    server = await started(20);
    const who = await identity(ours, PEER);
    control = says(who);
    const client = await LinkClient.connect(who, peer());
    await client.call('/v1/x', {});
    control = removed;
    await client.closed;
    expect(logged.some((line) => line.includes('was refused that was removed'))).toBe(true);
  });
});
