import { type IncomingMessage, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { createParser } from 'eventsource-parser';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startUpkeep } from '../../api/upkeep.ts';
import type { EventView } from '../../core/api/events.ts';
import { type OpenDatabase, openDatabase } from '../../db/database.ts';
import { heartbeat, markUnreachable } from '../../db/signsOfLife.ts';
import { addEvent, EVENTS_KEPT_DAYS, newestEvent, removeOldEvents } from '../../db/events.ts';
import { setProgress } from '../../db/migrationMemory.ts';
import { finishMigration } from '../../db/migrationRecords.ts';
import { useApi } from './support/api.ts';
import { type EventReader, openEvents, readEvents, type ReaderOptions } from './support/eventReader.ts';
import { happened, hold, writeEvents } from './support/eventScenes.ts';
import { makeDevice, makeImage, makeInventory, makeTransfer } from './support/fixtures.ts';
import { addPerson } from './support/people.ts';

const api = useApi();
const readers: EventReader[] = [];
let url = '';
let token = '';

beforeEach(async () => {
  token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${String((api.app.server.address() as AddressInfo).port)}`;
});
afterEach(() => Promise.all(readers.splice(0).map((reader) => reader.stop())));

async function read(options: Partial<ReaderOptions> = {}): Promise<EventReader> {
  const reader = await readEvents(url, { token, ...options });
  readers.push(reader);
  return reader;
}

const say = (message: string, over: { type?: string; subject?: string } = {}) =>
  addEvent(api.context.db, happened(message, over));
const named =
  (text: string) =>
  ({ message }: EventView) =>
    message === text;
const messages = (heard: EventView[]) => heard.map(({ message }) => message);
const ids = (heard: EventView[]) => heard.map(({ id }) => id);

describe('the stream', () => {
  it("has for a member what is the tenant's, and devices; the operator sees everything, or the tenant that is named", async () => {
    const { db } = api.context;
    const [anna, ben] = [await addPerson(api, 'anna'), await addPerson(api, 'ben')];
    const [ofAnna, ofBen, all, named] = [
      await read({ token: anna.token }),
      await read({ token: ben.token }),
      await read(),
      await read({ query: { tenant: 'anna' } }),
    ];
    const { compute, migrationId } = await makeTransfer(db, anna.tenantId);
    const image = await makeImage(db, 'web', anna.tenantId);
    await anna.call('DELETE', `/images/${image.id}`);
    await finishMigration(db, migrationId, { state: 'aborted', reason: 'x' });
    await makeDevice(db, { name: 'last' });
    const last = ({ type, message }: EventView) => type === 'device.ready' && message.includes('last');
    await Promise.all([ofAnna.until(last), ofBen.until(last), all.until(last)]);
    await say('of nobody');
    await all.until(({ message }) => message === 'of nobody');
    const mine = [compute.id, compute.imageId, migrationId, image.id];
    const kinds = (reader: EventReader) =>
      [...new Set(reader.heard.map(({ type }) => type.split('.')[0]))].sort();
    expect(kinds(ofAnna)).toEqual(['compute', 'device', 'image', 'migration']);
    expect(
      new Set(ofAnna.heard.filter(({ type }) => !type.startsWith('device.')).map(({ subject }) => subject)),
    ).toEqual(new Set(mine));
    expect(kinds(ofBen)).toEqual(['device']);
    await named.until(({ type }) => type === 'migration.aborted');
    expect(kinds(named)).toEqual(['compute', 'device', 'image', 'migration']);
    expect(await ben.call('GET', '/events?tenant=anna')).toMatchObject({ status: 404 });
  });

  it('begins now, and tells what the API does as it happens', async () => {
    await say('before');
    const reader = await read();
    const made = await api.call('POST', '/tokens', { name: 'ci' });
    await reader.until(({ type }) => type === 'token.created');
    expect(reader.heard).toMatchObject([
      { type: 'token.created', subject: made.body.id, message: 'Token ci was made.', data: {} },
    ]);
    expect(Object.keys(reader.heard[0]!).sort()).toEqual([
      'actor',
      'at',
      'data',
      'id',
      'message',
      'subject',
      'type',
    ]);
  });

  it('comes at once: it is woken and does not look again and again', async () => {
    const reader = await read();
    const startedAt = performance.now();
    for (const name of ['1', '2', '3', '4', '5']) {
      await say(name);
      await reader.until(named(name));
    }
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it('resumes after any id: what was before and what comes, once', async () => {
    const { db } = api.context;
    const from = await newestEvent(db);
    await writeEvents(db, 'before', 3, 150);
    const whole = await read({ lastEventId: from });
    await whole.until(({ message }) => message === 'before 0.149');
    const middle = whole.heard[100]!.id!;
    const writing = writeEvents(db, 'during', 3, 100);
    const rest = await read({ lastEventId: middle });
    const asked = await read({ query: { lastEventId: String(middle) } });
    await writing;
    await say('last');
    const all = ids(await whole.until(named('last')));
    expect(new Set(all).size).toBe(all.length);
    const expected = all.slice(101);
    expect(ids(await rest.until(named('last')))).toEqual(expected);
    expect(ids(await asked.until(named('last')))).toEqual(expected);
  });

  it('goes on after a reader that was cut off before its first event', async () => {
    const reader = await read();
    api.app.server.closeAllConnections();
    await say('in between');
    await reader.until(named('in between'));
    expect(reader.connections).toBeGreaterThan(1);
    expect(messages(reader.heard)).toEqual(['in between']);
  });

  it('has what was written first and committed last', async () => {
    const { db } = api.context;
    const reader = await read();
    const early = await hold(db, (tx) => addEvent(tx, happened('written first')));
    await say('written last');
    await reader.until(named('written last'));
    await early.commit();
    await reader.until(named('written first'));
    expect(messages(reader.heard)).toEqual(['written last', 'written first']);
    expect(reader.heard[1]!.id).toBeGreaterThan(reader.heard[0]!.id!);
  });

  it('tells that a device does not answer, and that it is back', async () => {
    const { db } = api.context;
    const device = await makeDevice(db);
    const reader = await read({ query: { subject: device.id } });
    await db.execute(sql`update device set last_heartbeat_at = now() - interval '1 minute'`);
    await markUnreachable(db);
    await heartbeat(db, device.id, makeInventory());
    await reader.until(({ type }) => type === 'device.reachable');
    expect(reader.heard.map(({ type }) => type)).toEqual(['device.unreachable', 'device.reachable']);
  });
});

describe('filters', () => {
  const EVENTS = [
    ['compute.running', 'cmp_1'],
    ['migration.pending', 'mig_1'],
    ['compute.stopped', 'cmp_2'],
    ['device.ready', 'dev_1'],
  ] as const;
  const RUNNING = { type: 'compute.running', subject: 'cmp_1' };

  it.each<[Record<string, string>, string[], { type: string; subject: string }]>([
    [{}, EVENTS.map(([type]) => type), RUNNING],
    [{ types: '*' }, EVENTS.map(([type]) => type), RUNNING],
    [{ types: 'compute.*' }, ['compute.running', 'compute.stopped'], RUNNING],
    [
      { types: 'compute.*,migration.*' },
      ['compute.running', 'migration.pending', 'compute.stopped'],
      RUNNING,
    ],
    [{ types: 'device.ready' }, ['device.ready'], { type: 'device.ready', subject: 'dev_1' }],
    [{ subject: 'cmp_2' }, ['compute.stopped'], { ...RUNNING, subject: 'cmp_2' }],
    [{ subject: 'cmp_1', types: 'compute.running' }, ['compute.running'], RUNNING],
  ])('%j', async (query, types, last) => {
    const from = await newestEvent(api.context.db);
    const live = await read({ query });
    for (const [type, subject] of EVENTS) await say(type, { type, subject });
    const resumed = await read({ query, lastEventId: from });
    await say('the last', last);
    for (const reader of [live, resumed])
      expect(messages(await reader.until(named('the last')))).toEqual([...types, 'the last']);
  });
});

describe('refusals', () => {
  it.each<[string, number, string, Parameters<typeof openEvents>[1]]>([
    ['no token', 401, 'notSignedIn', { token: '' }],
    ['a wrong token', 401, 'notSignedIn', { token: 'drt_wrong' }],
    ['types that are none', 400, 'invalid', { token: 'x', query: { types: 'compute.*;x' } }],
    ['part of a kind', 400, 'invalid', { token: 'x', query: { types: 'compute.r*' } }],
    ['no types at all', 400, 'invalid', { token: 'x', query: { types: '' } }],
    ['an id that is none', 400, 'invalid', { token: 'x', query: { lastEventId: '-1' } }],
    ['a header that is none', 400, 'invalid', { token: 'x', last: 'x1' }],
  ])('%s', async (_name, status, code, options) => {
    const response = await openEvents(url, {
      ...options,
      token: options.token === 'x' ? token : options.token,
    });
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect([response.status, await response.json()]).toMatchObject([status, { causes: [{ code }] }]);
  });

  it('a HEAD opens no stream', async () => {
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/api/v1/events`, { method: 'HEAD', headers })).status).toBe(405);
  });
});

it('the OpenAPI document describes it', async () => {
  const document = (await (await fetch(`${url}/api/openapi.json`)).json()) as {
    paths: Record<string, { get: { parameters: { name: string }[]; responses: Record<string, object> } }>;
    components: { schemas: Record<string, { properties: object }> };
  };
  const { parameters, responses } = document.paths['/api/v1/events']!.get;
  expect(parameters.map(({ name }) => name).sort()).toEqual([
    'last-event-id',
    'lastEventId',
    'subject',
    'types',
  ]);
  expect(responses['200']).toMatchObject({
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  });
  expect(document.components.schemas['Event']!.properties).toHaveProperty('subject');
});

describe('old events', () => {
  it('are removed by the upkeep; who has not read them is told to begin anew', async () => {
    const { db } = api.context;
    const first = await read({ lastEventId: 0 });
    await say('old 1');
    await say('old 2');
    await say('young');
    const events = await first.until(named('young'));
    const idOf = (name: string) => events.find(named(name))!.id!;
    await db.execute(
      sql`update event set created_at = now() - make_interval(days => ${EVENTS_KEPT_DAYS}, mins => 1) where id <= ${idOf('old 2')}`,
    );
    const upkeep = startUpkeep(api.context, pino({ level: 'silent' }));
    try {
      const left = sql`select count(*)::int as n from event where id <= ${idOf('old 2')}`;
      await expect
        .poll(async () => (await db.execute<{ n: number }>(left))[0]?.n, { timeout: 10_000 })
        .toBe(0);
    } finally {
      await upkeep.stop();
    }
    const missed = await read({ lastEventId: idOf('old 1') });
    const filtered = await read({ lastEventId: 0, query: { types: 'device.*' } });
    const just = await read({ lastEventId: idOf('old 2') });
    const isReset = ({ type }: EventView) => type === 'reset';
    await Promise.all([missed.until(isReset), filtered.until(isReset)]);
    await say('new');
    await say('new', { type: 'device.ready' });
    const ready = ({ type }: EventView) => type === 'device.ready';
    const reset = { type: 'reset', id: await idBefore('new') };
    expect(await missed.until(ready)).toMatchObject([reset, { message: 'new' }, { message: 'new' }]);
    expect(await filtered.until(ready)).toMatchObject([reset, { type: 'device.ready' }]);
    expect(messages(await just.until(ready))).toEqual(['young', 'new', 'new']);
  });

  it('are none when nothing is old: the very first event is there for who begins at 0', async () => {
    await removeOldEvents(api.context.db);
    const reader = await read({ lastEventId: 0 });
    await say('last');
    expect((await reader.until(named('last'))).map(({ type }) => type)).not.toContain('reset');
  });

  it('an id that this database has not given out yet begins anew, too', async () => {
    const newest = await newestEvent(api.context.db);
    const reader = await read({ lastEventId: newest + 1000 });
    await say('last');
    expect(await reader.until(named('last'))).toMatchObject([
      { type: 'reset', id: newest },
      { message: 'last' },
    ]);
  });

  /** Id of the newest event before the first one called so. */
  async function idBefore(message: string): Promise<number> {
    const before = sql`select max(id)::int as id from event where id < (select min(id) from event where message = ${message})`;
    return (await api.context.db.execute<{ id: number }>(before))[0]!.id;
  }
});

describe('a lost database connection', () => {
  let writer: OpenDatabase;
  beforeEach(() => {
    writer = openDatabase(api.context.config.databaseUrl, { connections: 1 });
  });
  afterEach(() => writer.close());

  const others = sql`datname = current_database() and pid <> pg_backend_pid()`;
  const listeners = async () =>
    (
      await writer.db.execute<{ n: number }>(
        sql`select count(*)::int as n from pg_stat_activity where application_name = 'drayage events' and ${others}`,
      )
    )[0]?.n;

  it('loses and doubles nothing, and is listened to again; 20 streams have one listener', async () => {
    const from = await newestEvent(writer.db);
    const streams = await Promise.all(Array.from({ length: 20 }, () => read()));
    expect(await listeners()).toBe(1);
    for (let time = 0; time < 3; time += 1) {
      await writeEvents(writer.db, `before ${String(time)}`, 2, 10);
      await writer.db.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
      await writeEvents(writer.db, `after ${String(time)}`, 2, 10);
    }
    await expect.poll(listeners, { timeout: 10_000 }).toBe(1);
    await addEvent(writer.db, happened('last'));
    const rows = await writer.db.execute<{ id: number }>(
      sql`select id::int from event where id > ${from} order by id`,
    );
    for (const stream of streams) {
      expect(ids(await stream.until(named('last')))).toEqual([...rows].map(({ id }) => id));
      expect(stream.connections).toBe(1);
    }
    const startedAt = performance.now();
    for (const name of ['1', '2', '3']) {
      await addEvent(writer.db, happened(name));
      await streams[0]!.until(named(name));
    }
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
});

describe('a client that does not read', () => {
  it('is cut off while the others go on, and has everything once it comes back', async () => {
    const { db } = api.context;
    const from = await newestEvent(db);
    const quick = await read({ lastEventId: from });
    const slow = await openSlow();
    await expect.poll(connections).toBe(2);
    const data = { fill: 'x'.repeat(60_000) };
    let count = 0;
    while ((await connections()) === 2) {
      if (count > 2_000) throw new Error('it was never cut off');
      await db.transaction(async (tx) => {
        for (let one = 0; one < 10; one += 1) await addEvent(tx, { ...happened(String(count + one)), data });
      });
      count += 10;
      await quick.until(named(String(count - 1)));
    }
    const some = await readOut(slow);
    expect(some.length).toBeLessThan(count);
    const back = await read({ lastEventId: some.at(-1)?.id ?? from });
    await say('last');
    const all = ids(await quick.until(named('last')));
    expect(quick.connections).toBe(1);
    expect([...ids(some), ...ids(await back.until(named('last')))]).toEqual(all);
  });

  const connections = () =>
    new Promise<number>((resolve, reject) => {
      api.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });

  /** Connects, and reads nothing of the answer. */
  function openSlow(): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      get(`${url}/api/v1/events`, { headers, agent: false }, resolve).once('error', reject);
    });
  }

  /** What had arrived before the connection was cut. */
  async function readOut(response: IncomingMessage): Promise<EventView[]> {
    const some: EventView[] = [];
    const parser = createParser({ onEvent: ({ data }) => some.push(JSON.parse(data) as EventView) });
    response.setEncoding('utf8').on('data', (text: string) => {
      parser.feed(text);
    });
    await new Promise<void>((resolve) => {
      response.once('error', () => undefined).once('close', resolve);
    });
    return some;
  }
});

describe('the progress of a move', () => {
  it('is told at most twice a second and has no id; nothing of it comes after the end', async () => {
    const { db } = api.context;
    const move = await makeTransfer(db);
    const from = await newestEvent(db);
    const reader = await read({ query: { types: 'migration.*' } });
    const others = await read({ query: { types: 'device.*' } });
    const at: number[] = [];
    for (const round of [1, 2, 3, 4]) {
      const progress = {
        pages: 10,
        bytes: 40_960,
        wireBytes: 2 ** 20,
        bytesPerSecond: 1,
        expectedFreezeMs: 5,
      };
      await setProgress(db, move.migrationId, move.source, { round, ...progress });
      await reader.until(({ data }) => data['round'] === round);
      at.push(performance.now());
    }
    await finishMigration(db, move.migrationId, { state: 'succeeded', reason: 'It runs.' });
    await say('over', { type: 'device.ready' });
    const heard = await reader.until(({ type }) => type === 'migration.succeeded');
    expect(heard).toMatchObject([
      ...[1, 2, 3, 4].map((round) => ({ id: null, type: 'migration.progress', data: { round } })),
      { type: 'migration.succeeded', subject: move.migrationId, data: { compute: move.compute.id } },
    ]);
    expect(heard[0]).toMatchObject({
      subject: move.migrationId,
      message: 'Round 1: 1 MiB on the wire so far.',
    });
    // Three waits; a timer may be a millisecond early.
    expect(at[3]! - at[0]!).toBeGreaterThan(3 * 500 - 60);
    expect(messages(await others.until(named('over')))).toEqual(['over']);
    const resumed = await read({ lastEventId: from, query: { types: 'migration.*' } });
    await resumed.until(({ type }) => type === 'migration.succeeded');
    expect(resumed.heard.map(({ type }) => type)).toEqual(['migration.succeeded']);
  });
});

describe('an event that cannot be written', () => {
  it('takes back what it tells of: no change of images and tokens without its event', async () => {
    const { db } = api.context;
    const image = await makeImage(db, 'web');
    const kept = (await api.call('POST', '/tokens', { name: 'kept' })).body;
    await db.execute(sql`
      create function refuse() returns trigger language plpgsql as $$ begin raise 'no event'; end $$`);
    await db.execute(sql`create trigger refuse before insert on event execute function refuse()`);
    const statuses = [
      await api.call('POST', '/tokens', { name: 'lost' }),
      await api.call('DELETE', `/tokens/${kept.id}`),
      await api.call('DELETE', `/images/${image.id}`),
    ].map(({ status }) => status);
    expect(statuses).toEqual([500, 500, 500]);
    await expect(makeImage(db, 'lost')).rejects.toThrow();
    const names = async (path: string) => (await api.call('GET', path)).body.items.map(({ name }) => name);
    expect(await names('/tokens')).toEqual(['x', 'kept']);
    expect(await names('/images')).toEqual(['web']);
  });
});
