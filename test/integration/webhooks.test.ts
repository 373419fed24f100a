import { createServer, type AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { WebhookDispatcher } from '../../api/webhooks/dispatcher.ts';
import { postWebhook } from '../../api/webhooks/post.ts';
import { wantsEvent } from '../../core/eventFilter.ts';
import { addEvent, eventsAfter } from '../../db/events.ts';
import { webhook as webhooks } from '../../db/schema/index.ts';
import { addDelivery, DELIVERIES_KEPT, MAX_WEBHOOKS } from '../../db/webhooks.ts';
import { useApi } from './support/api.ts';
import { happened } from './support/eventScenes.ts';
import { makeCompute } from './support/fixtures.ts';
import { addPerson, type Person } from './support/people.ts';
import { checkSignature, eventOf, type Receiver, startReceiver } from './support/receiver.ts';

const api = useApi();
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function receiver(): Promise<Receiver> {
  const made = await startReceiver();
  opened.push(made);
  return made;
}

/** What an API process has, with leave to send to this machine. */
function dispatch(targets: 'public' | 'any' = 'any'): WebhookDispatcher {
  const { context } = api;
  const config = { ...context.config, webhookTargets: targets };
  const made = new WebhookDispatcher({ ...context, config }, pino({ level: 'silent' }));
  opened.push(made);
  return made;
}

interface Added {
  id: string;
  secret: string;
}

async function add(who: Person, url: string, types?: string[]): Promise<Added> {
  const answer = await who.call('POST', '/webhooks', { url, types });
  expect(answer.status).toBe(201);
  return answer.body;
}

const say = (tenantId: string, message: string) => addEvent(api.context.db, happened(message, { tenantId }));
const messages = ({ taken }: Receiver) => taken.map(({ message }) => message);
const has = (message: string) => (request: Parameters<typeof eventOf>[0]) =>
  eventOf(request).message === message;

async function deliveries(who: Person, { id }: Added) {
  const { body } = await who.call('GET', `/webhooks/${id}/deliveries`);
  return (body as unknown as { items: { attempt: number; status: number | null; reason: string }[] }).items;
}

describe('a webhook', () => {
  it("gets its tenant's events and those of devices, signed, once and in order; of another tenant never", async () => {
    const { db } = api.context;
    const [anna, ben] = [await addPerson(api, 'anna'), await addPerson(api, 'ben')];
    const [everything, ofComputes, bens] = [await receiver(), await receiver(), await receiver()];
    const all = await add(anna, everything.url);
    await add(anna, ofComputes.url, ['compute.*']);
    await add(ben, bens.url);
    const [{ cursor } = { cursor: 0 }] = await db.select().from(webhooks).orderBy(webhooks.seq);
    // Two processes: each event is still sent once.
    dispatch();
    dispatch();
    await Promise.all(
      [anna, ben].map(async ({ tenantId }) => {
        for (let at = 0; at < 20; at += 1) await say(tenantId, `${tenantId} ${String(at)}`);
      }),
    );
    await makeCompute(db, { tenantId: anna.tenantId });
    await addEvent(db, happened('of nobody', { subject: 'x' }));
    await say(anna.tenantId, 'last');
    await say(ben.tenantId, 'last');
    await Promise.all([everything, ofComputes, bens].map((one) => one.until(has('last'))));
    const { events } = await eventsAfter(db, cursor, 500);
    const wanted = (person: Person, types: string[]) =>
      events.filter((event) => wantsEvent({ tenants: [person.tenantId], types }, event)).map(({ id }) => id);
    const ids = ({ received }: Receiver) => received.map((one) => eventOf(one).id);
    expect(ids(everything)).toEqual(wanted(anna, []));
    expect(ids(ofComputes)).toEqual(wanted(anna, ['compute.*']));
    expect(ids(bens)).toEqual(wanted(ben, []));
    expect(everything.taken.some(({ type }) => type === 'device.ready')).toBe(true);
    expect(ids(everything).length).toBeGreaterThan(ids(ofComputes).length);
    for (const one of everything.received) checkSignature(all.secret, one);
    expect(() => checkSignature(all.secret, ofComputes.received[0]!)).toThrow();
    const [first] = everything.received;
    expect(JSON.parse(first!.body)).toEqual({
      type: first && eventOf(first).type,
      timestamp: first && eventOf(first).at,
      data: first && eventOf(first),
    });
  });

  it('is sent an event again until it takes it, and no later one before', async () => {
    const anna = await addPerson(api, 'anna');
    const hook = await receiver();
    const added = await add(anna, hook.url, ['compute.*']);
    hook.answer = (one) => (has('b')(one) && hook.received.length === 1 ? 500 : 204);
    dispatch();
    for (const message of 'abc') await say(anna.tenantId, message);
    await hook.until(has('c'));
    expect(hook.received.map((one) => eventOf(one).message)).toEqual(['a', 'b', 'b', 'c']);
    const ids = hook.received.map(({ headers }) => headers['webhook-id']);
    expect(ids[1]).toBe(ids[2]);
    expect(new Set(ids).size).toBe(3);
    await expect
      .poll(() => deliveries(anna, added))
      .toMatchObject([
        { attempt: 1, status: 204, delivered: true },
        { attempt: 2, status: 204, delivered: true },
        { attempt: 1, status: 500, delivered: false, reason: 'It answered 500.' },
        { attempt: 1, status: 204, delivered: true },
      ]);
  });

  it('is left alone for as long as it asks', async () => {
    const anna = await addPerson(api, 'anna');
    const hook = await receiver();
    const { id } = await add(anna, hook.url, ['compute.*']);
    hook.answer = () => ({ status: 503, headers: { 'retry-after': '600' }, body: Buffer.alloc(0) });
    dispatch();
    await say(anna.tenantId, 'a');
    const waits = async () => {
      const { body } = await anna.call('GET', `/webhooks/${id}`);
      return (
        Date.parse((body as unknown as { nextAttemptAt: string | null }).nextAttemptAt ?? '') - Date.now()
      );
    };
    await expect.poll(waits).toBeGreaterThan(500_000);
    expect(await waits()).toBeLessThanOrEqual(600_000);
  });

  it('is ended when it takes nothing for days, which is said and audited; enabled, it goes on where it was', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    const hook = await receiver();
    const added = await add(anna, hook.url, ['compute.*']);
    hook.answer = () => 503;
    await db.execute(sql`update webhook set failures = 50, failing_since = now() - interval '73 hours'`);
    await say(anna.tenantId, 'a');
    dispatch();
    const path = `/webhooks/${added.id}`;
    await expect.poll(async () => (await anna.call('GET', path)).body).toMatchObject({ enabled: false });
    const reason = 'An event was not taken for 72 hours. It answered 503.';
    expect((await anna.call('GET', path)).body).toMatchObject({ disabledReason: reason });
    const { events } = await eventsAfter(db, 0, 500);
    expect(events.at(-1)).toMatchObject({
      type: 'webhook.disabled',
      tenantId: anna.tenantId,
      message: reason,
    });
    expect((await anna.call('GET', '/audit')).body.items).toContainEqual(
      expect.objectContaining({ action: 'webhook disabled', subject: added.id, causes: ['notTaken'] }),
    );
    await say(anna.tenantId, 'b');
    hook.answer = () => 204;
    expect(await anna.call('PATCH', path, { enabled: true })).toMatchObject({
      status: 200,
      body: { enabled: true, disabledReason: null, failures: 0 },
    });
    await say(anna.tenantId, 'c');
    await hook.until(has('c'));
    expect(messages(hook)).toEqual(['a', 'b', 'c']);
  });

  it('is told when events were removed before it took them', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    const hook = await receiver();
    await add(anna, hook.url);
    await say(anna.tenantId, 'a');
    await db.execute(sql`delete from event`);
    await db.execute(sql`update event_kept set removed_through = (select last_value from event_id_seq)`);
    dispatch();
    await hook.until((one) => eventOf(one).type === 'reset');
    await say(anna.tenantId, 'b');
    await hook.until(has('b'));
    expect(hook.taken.map(({ type }) => type)).toEqual(['reset', 'compute.running']);
  });

  it('is one process of several to deliver to, and another one after that one is gone', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    const [hook, other] = [await receiver(), await receiver()];
    await add(anna, hook.url, ['compute.*']);
    await db.execute(
      sql`update webhook set lease_owner = 'killed', leased_until = now() + interval '1 hour'`,
    );
    await add(anna, other.url, ['compute.*']);
    dispatch();
    await say(anna.tenantId, 'a');
    await other.until(has('a'));
    expect(hook.received).toEqual([]);
    await db.execute(sql`update webhook set leased_until = now()`);
    await hook.until(has('a'));
  });

  it('shows its secret once, and keeps it so that the database alone signs nothing', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    const { secret, id } = await add(anna, 'https://example.org/hook');
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    for (const path of ['/webhooks', `/webhooks/${id}`])
      expect(JSON.stringify((await anna.call('GET', path)).body)).not.toContain(secret.slice(6));
    const [row] = await db.select().from(webhooks);
    const stored = Buffer.from(row!.sealedSecret, 'base64url');
    expect(stored.includes(Buffer.from(secret.slice(6)))).toBe(false);
    expect(stored.includes(Buffer.from(secret.slice(6), 'base64'))).toBe(false);
  });

  it('is refused with what is wrong with it', async () => {
    const anna = await addPerson(api, 'anna');
    for (const url of [
      'example.org',
      'ftp://example.org',
      'https://u:p@example.org',
      'https://example.org/#x',
    ])
      expect(await anna.call('POST', '/webhooks', { url }), url).toMatchObject({ status: 400 });
    const url = 'https://example.org/';
    expect(await anna.call('POST', '/webhooks', { url, types: ['Compute!'] })).toMatchObject({ status: 400 });
    for (let at = 0; at < MAX_WEBHOOKS; at += 1) await add(anna, url);
    expect(await anna.call('POST', '/webhooks', { url })).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'tooManyWebhooks' }] },
    });
    expect(await anna.call('DELETE', `/tenants/${anna.tenantId}`)).toMatchObject({ status: 204 });
    expect(await api.context.db.select().from(webhooks)).toEqual([]);
  });

  it('has its last attempts listed, and no more', async () => {
    const anna = await addPerson(api, 'anna');
    const added = await add(anna, 'https://example.org/');
    const attempt = { messageId: 'm', type: 't', delivered: false, status: null, reason: 'x', ms: 1 };
    for (let at = 1; at <= DELIVERIES_KEPT + 5; at += 1)
      await addDelivery(api.context.db, { ...attempt, webhookId: added.id, attempt: at });
    const { body } = await anna.call('GET', `/webhooks/${added.id}/deliveries?limit=500`);
    const { items, nextCursor } = body as unknown as { items: { attempt: number }[]; nextCursor: null };
    expect(items.map((one) => one.attempt)).toEqual(
      Array.from({ length: DELIVERIES_KEPT }, (_, at) => DELIVERIES_KEPT + 5 - at),
    );
    expect(nextCursor).toBeNull();
  });
});

describe('where a webhook leads', () => {
  it('is a public address over https, unless the operator allows others', async () => {
    const anna = await addPerson(api, 'anna');
    let connections = 0;
    const listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    opened.push({ close: () => new Promise((resolve) => listener.close(() => resolve())) });
    const port = String((listener.address() as AddressInfo).port);
    const hosts = ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0.0.0.0'];
    const elsewhere = ['169.254.169.254', '10.0.0.1', '192.168.1.1', '100.64.0.1', '[fd00::1]', '[fe80::1]'];
    for (const host of [...hosts, ...elsewhere]) {
      const added = await add(anna, `https://${host}:${port}/`);
      expect((await anna.call('POST', `/webhooks/${added.id}/test`)).body, host).toMatchObject({
        type: 'webhook.test',
        delivered: false,
        status: null,
        reason: "The address is a private one, or the control plane's own, which is not allowed here.",
      });
    }
    const plain = await add(anna, `http://127.0.0.1:${port}/`);
    expect((await anna.call('POST', `/webhooks/${plain.id}/test`)).body).toMatchObject({
      delivered: false,
      reason: 'The address is not https, which is needed here.',
    });
    expect(connections).toBe(0);
  });

  const post = (url: string, over: { targets?: 'public' | 'any'; timeoutMs?: number } = {}) =>
    postWebhook(url, {}, '{}', {
      ...{ targets: 'any', advertiseHost: '127.0.0.1', timeoutMs: 5_000, ...over },
      signal: new AbortController().signal,
    });

  it('is not left for where a redirect leads', async () => {
    const [from, to] = [await receiver(), await receiver()];
    from.answer = () => ({ status: 307, headers: { location: to.url }, body: Buffer.alloc(0) });
    expect(await post(from.url)).toEqual({ outcome: 'answered', status: 307 });
    expect(to.received).toEqual([]);
  });

  it('is read no further than it has to be, and waited for no longer than it may take', async () => {
    const hook = await receiver();
    hook.answer = () => ({ status: 200, headers: {}, body: Buffer.alloc(8 << 20) });
    expect(await post(hook.url)).toEqual({ outcome: 'answered', status: 200 });
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const sockets: { destroy(): unknown }[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    opened.push({
      close: () =>
        new Promise((resolve) => {
          for (const socket of sockets) socket.destroy();
          silent.close(() => resolve());
        }),
    });
    const url = `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}/`;
    expect(await post(url, { timeoutMs: 100 })).toEqual({
      outcome: 'failed',
      reason: 'It did not answer in 0.1 s.',
    });
    await hook.close();
    expect(await post(hook.url)).toEqual({
      outcome: 'failed',
      reason: 'It could not be reached (ECONNREFUSED).',
    });
  });
});
