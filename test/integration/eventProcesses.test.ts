import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asc, gt } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addEvent, newestEvent } from '../../db/events.ts';
import { event } from '../../db/schema/index.ts';
import { type ApiProcess, signIn, startApiProcess } from './support/apiProcess.ts';
import { useDatabase } from './support/database.ts';
import { type EventReader, readEvents } from './support/eventReader.ts';
import { happened, writeEvents } from './support/eventScenes.ts';

const STREAMS = 20;

describe('two API processes on one database', { timeout: 120_000 }, () => {
  const database = useDatabase();
  let dataDir = '';
  let token = '';
  let processes: ApiProcess[] = [];
  let readers: EventReader[] = [];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'drayage-events-'));
    // The first makes the admin and the authority.
    processes = [await startApiProcess(database.url, dataDir)];
    processes.push(await startApiProcess(database.url, dataDir));
    token = await signIn(processes[0]!.url);
  });
  afterEach(async () => {
    await Promise.all(readers.splice(0).map((reader) => reader.stop()));
    await Promise.all(processes.splice(0).map((one) => one.stop()));
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Streams, one half on each process. */
  async function openStreams(): Promise<void> {
    const urls = Array.from({ length: STREAMS }, (_, at) => processes[at % 2]!.url);
    readers = await Promise.all(urls.map((url) => readEvents(url, { token })));
  }

  /** Each stream has heard exactly what is in the table after `from`, in that order. */
  async function expectAll(from: number): Promise<void> {
    await addEvent(database.db, happened('the last'));
    const rows = await database.db
      .select({ id: event.id, message: event.message })
      .from(event)
      .where(gt(event.id, from))
      .orderBy(asc(event.id));
    for (const reader of readers) {
      const heard = await reader.until(({ message }) => message === 'the last');
      expect(heard.map(({ id, message }) => ({ id, message }))).toEqual(rows);
    }
  }

  it('give every event to each of 20 streams once and in order', async () => {
    const from = await newestEvent(database.db);
    await openStreams();
    await writeEvents(database.db, 'event', 9, 60);
    await expectAll(from);
    expect(readers[0]!.heard.length).toBeGreaterThan(9 * 60);
    expect(readers.map(({ connections }) => connections)).toEqual(readers.map(() => 1));
  });

  it.each(['kill', 'stop'] as const)(
    'lose and double nothing when one of them ends (%s) and comes back while events are written',
    async (end) => {
      const from = await newestEvent(database.db);
      await openStreams();
      const before = writeEvents(database.db, 'before', 4, 30);
      await readers[0]!.until(({ message }) => message.endsWith('.20'));
      const during = writeEvents(database.db, 'during', 4, 60);
      await processes[0]![end]();
      await before;
      processes[0] = await startApiProcess(database.url, dataDir, new URL(processes[0]!.url).port);
      const after = writeEvents(database.db, 'after', 4, 30);
      await Promise.all([during, after]);
      await expectAll(from);
      expect(readers[0]!.connections).toBeGreaterThan(1);
      expect(readers[1]!.connections).toBe(1);
    },
  );
});
