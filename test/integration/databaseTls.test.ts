import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { openAuthority, type Authority } from '../../api/pki/authority.ts';
import { openDatabase } from '../../db/database.ts';
import { listenForEvents } from '../../db/eventChannel.ts';
import { migrate } from '../../db/migrate.ts';
import { useDatabase } from './support/database.ts';
import { startTlsFront, type TlsFront } from './support/tlsFront.ts';

const SSL_REQUEST = 80_877_103;

/** PostgreSQL's own handshake: the client asks for TLS in clear, the server says yes. */
async function answerSslRequest(socket: Socket): Promise<void> {
  const [request] = (await once(socket, 'data')) as [Buffer];
  if (request.length !== 8 || request.readUInt32BE(4) !== SSL_REQUEST)
    throw new Error('the client did not ask for TLS');
  socket.write('S');
}

/** A real PostgreSQL behind TLS, with a certificate for `localhost` and for no other name of it. */
describe('a PostgreSQL server with TLS', () => {
  const database = useDatabase();
  let folder = '';
  let authority: Authority;
  let front: TlsFront;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drayage-database-tls-'));
    authority = await openAuthority(join(folder, 'right'));
    const other = await openAuthority(join(folder, 'other'));
    await writeFile(join(folder, 'ca.pem'), authority.certificate);
    await writeFile(join(folder, 'other.pem'), other.certificate);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** What is done through TLS with that query on the URL; the server's certificate is for `localhost`. */
  async function through<T>(host: string, query: string, action: (url: string) => Promise<T>): Promise<T> {
    const inner = new URL(database.url);
    const { key, certificate: cert } = await authority.controlIdentity(['localhost']);
    front = await startTlsFront({ port: Number(inner.port) }, { key, cert, before: answerSslRequest });
    const url = new URL(inner);
    url.hostname = host;
    url.port = String(front.port);
    try {
      return await action(`${url.href}?${query.replaceAll('DIR', folder)}`);
    } finally {
      await front.close();
    }
  }

  async function connects(url: string): Promise<boolean> {
    const opened = openDatabase(url);
    try {
      await opened.db.execute(sql`select 1`);
      return true;
    } catch {
      return false;
    } finally {
      await opened.close();
    }
  }

  test.each([
    ['localhost', 'sslmode=require', true],
    ['localhost', 'sslmode=verify-full&sslrootcert=DIR/ca.pem', true],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=DIR/ca.pem', true],
    ['127.0.0.1', 'sslmode=verify-full&sslrootcert=DIR/ca.pem', false],
    ['localhost', 'sslmode=verify-full&sslrootcert=DIR/other.pem', false],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=DIR/other.pem', false],
    ['localhost', 'sslmode=require&sslrootcert=DIR/other.pem', false],
    ['localhost', 'sslmode=verify-full', false],
  ])('at %s with %s: %s', async (host, query, expected) => {
    expect(await through(host, query, connects)).toBe(expected);
  });

  it('wakes who waits for events', async () => {
    await through('localhost', 'sslmode=verify-full&sslrootcert=DIR/ca.pem', async (url) => {
      const woken = Promise.withResolvers<void>();
      const channel = listenForEvents(url, () => woken.resolve());
      try {
        // Woken once the connection is there.
        await woken.promise;
      } finally {
        await channel.close();
      }
    });
  });

  it('takes the schema too', async () => {
    await through('localhost', 'sslmode=verify-full&sslrootcert=DIR/ca.pem', migrate);
  });
});
