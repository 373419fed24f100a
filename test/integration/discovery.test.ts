import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { discoverResponseSchema } from '../../core/deviceApi.ts';
import { FORGET_AFTER_HOURS, JOIN_REQUESTS_PER_MINUTE, MAX_DISCOVERED } from '../../core/discovery.ts';
import { eq } from 'drizzle-orm';
import { getDevice } from '../../db/devices.ts';
import { markUnreachable } from '../../db/signsOfLife.ts';
import { forgetDiscovered } from '../../db/discovery.ts';
import { eventsOf } from '../../db/events.ts';
import { device as deviceTable } from '../../db/schema/index.ts';
import { fingerprintOfKey, selfSigned } from '../../device/control/waitingKey.ts';
import { useApi } from './support/api.ts';
import { containing } from './support/answer.ts';
import { id, makeDevice, makeInventory } from './support/fixtures.ts';
import { ask, type KeyAndRequest, makeRequest, type TlsIdentity } from './support/tls.ts';

const api = useApi();
let url = '';
let ca = '';

beforeEach(async () => {
  url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
  ca = api.context.authority.certificate;
});

const inventory = makeInventory();

interface Stranger extends KeyAndRequest {
  /** What it shows: a certificate that it made itself. */
  tls: TlsIdentity;
}

async function stranger(): Promise<Stranger> {
  const made = await makeRequest();
  return { ...made, tls: { key: made.key, cert: await selfSigned({ ...made, authority: null }), ca } };
}

const askToJoin = (
  who: Stranger,
  over: { name?: string; csr?: string; inventory?: object } = {},
  tls = who.tls,
) => ask(url, tls, 'POST', '/device/v1/discovery', { csr: who.csr, name: 'edge', inventory, ...over });
/** Asks and is told that it waits; returns its id. */
async function discover(who: Stranger, name = 'edge'): Promise<string> {
  const { body } = await askToJoin(who, { name });
  expect(body.state).toBe('discovered');
  return body.deviceId;
}
const devices = async () => (await api.call('GET', '/devices')).body.items;
const code = (answer: { status: number; body: { causes?: { code: string }[] } | null }) => [
  answer.status,
  answer.body?.causes?.[0]?.code,
];

describe('a device that asks to join by itself', () => {
  it('is shown, can do nothing before it is approved, and gets its certificate then', async () => {
    const who = await stranger();
    const deviceId = await discover(who);
    const shown = (await api.call('GET', '/devices/edge')).body;
    expect(shown).toMatchObject({ id: deviceId, name: 'edge', state: 'discovered' });
    expect(shown.keyFingerprint).toBe(fingerprintOfKey(who.key));

    // Fetched before the approval: there is none, and what it made itself is worth nothing.
    expect((await askToJoin(who)).body).toEqual({ state: 'discovered', deviceId });
    const noCertificate = [403, 'noCertificate'];
    expect(code(await ask(url, who.tls, 'GET', '/device/v1/placements'))).toEqual(noCertificate);
    const beat = { inventory, computes: [] };
    expect(code(await ask(url, who.tls, 'POST', '/device/v1/heartbeat', beat))).toEqual(noCertificate);

    expect((await api.call('POST', '/devices/edge/approve')).body).toMatchObject({
      id: deviceId,
      state: 'ready',
      keyFingerprint: shown.keyFingerprint,
    });
    // Approved before it is fetched; and fetched twice, for the answer may be lost.
    for (const answer of [await askToJoin(who), await askToJoin(who)]) {
      const joined = discoverResponseSchema.parse(answer.body);
      if (joined.state !== 'joined') throw new Error('it waits still');
      const certificate = new X509Certificate(joined.certificate);
      expect(certificate.subject).toBe(`CN=${deviceId}`);
      expect(certificate.verify(new X509Certificate(joined.ca).publicKey)).toBe(true);
      const tls = { key: who.key, cert: joined.certificate, ca: joined.ca };
      expect((await ask(url, tls, 'POST', '/device/v1/heartbeat', beat)).body).toMatchObject({
        outdated: [],
      });
    }
    expect((await eventsOf(api.context.db, deviceId)).map(({ type }) => type)).toEqual([
      'device.discovered',
      'device.ready',
    ]);
  });

  it('is the same device as long as its key is the same, however often and at once it asks', async () => {
    const who = await stranger();
    const answers = await Promise.all(Array.from({ length: 8 }, () => askToJoin(who)));
    expect(new Set(answers.map(({ body }) => body.deviceId)).size).toBe(1);
    await askToJoin(who, { name: 'renamed', inventory: makeInventory({ memoryAvailableBytes: 12_345 }) });
    expect(await devices()).toMatchObject([
      { id: answers[0]!.body.deviceId, name: 'renamed', inventory: { memoryAvailableBytes: 12_345 } },
    ]);
    await discover(await stranger());
    expect(await devices()).toHaveLength(2);
    // Once it is approved the name is the operator's.
    await api.call('POST', '/devices/renamed/approve');
    await askToJoin(who, { name: 'again' });
    expect((await getDevice(api.context.db, answers[0]!.body.deviceId)).name).toBe('renamed');
  });

  it('has to prove its key over the very connection', async () => {
    const who = await stranger();
    const other = await stranger();
    const notProved = [403, 'keyNotProved'];
    expect(code(await askToJoin(who, {}, { ca }))).toEqual(notProved);
    expect(code(await askToJoin(who, {}, other.tls))).toEqual(notProved);
    expect(code(await askToJoin(who, { csr: other.csr }))).toEqual(notProved);
    expect(await devices()).toEqual([]);
    // Nor does anybody get the certificate of another's key who has seen its request.
    await discover(who);
    await api.call('POST', '/devices/edge/approve');
    for (const tls of [{ ca }, other.tls]) {
      const answer = await askToJoin(who, {}, tls);
      expect(code(answer)).toEqual(notProved);
      expect(answer.text).not.toContain('CERTIFICATE');
    }
  });

  test.each<[string, object, number, string]>([
    ['a name that is none', { name: 'Not A Name' }, 400, 'invalid'],
    ['a name of 10,000 characters', { name: 'a'.repeat(10_000) }, 400, 'invalid'],
    ['a request that is none', { csr: 'none' }, 400, 'badCsr'],
    ['no inventory', { inventory: {} }, 400, 'invalid'],
    ['a terminal sequence', { inventory: makeInventory({ hostname: '\u001b[2J' }) }, 400, 'invalid'],
    [
      'a kernel that runs the other way',
      { inventory: makeInventory({ kernel: '\u202e6.12' }) },
      400,
      'invalid',
    ],
    ['too much', { csr: 'x'.repeat(70_000) }, 413, 'bodyTooLarge'],
  ])('is refused with %s', async (_what, over, status, cause) => {
    expect(code(await askToJoin(await stranger(), over))).toEqual([status, cause]);
    expect(await devices()).toEqual([]);
  });

  it('takes a name from nobody', async () => {
    const { db } = api.context;
    const owner = await makeDevice(db, { name: 'edge' });
    const [first, second] = [await discover(await stranger()), await discover(await stranger(), 'new')];
    expect((await api.call('GET', '/devices/edge')).body.id).toBe(owner.id);
    const refused = await api.call('POST', `/devices/${first}/approve`);
    expect(code(refused)).toEqual([409, 'nameTaken']);
    expect(refused.body.causes[0]!.mend).toContain('--name');
    expect(code(await api.call('POST', `/devices/${second}/approve`, { name: 'edge' }))).toEqual([
      409,
      'nameTaken',
    ]);
    expect((await getDevice(db, first)).state).toBe('discovered');
    expect((await api.call('POST', `/devices/${first}/approve`, { name: 'edge-2' })).body).toMatchObject({
      id: first,
      name: 'edge-2',
      state: 'ready',
    });
    // Whoever has a token may have the name that others only claim.
    const { key, csr } = await makeRequest();
    const { token } = (await api.call('POST', '/devices/tokens', {})).body;
    const join = { token, csr, name: 'new', inventory };
    const joined = await ask(url, { key, ca }, 'POST', '/device/v1/join', join);
    expect(joined.status).toBe(200);
    expect((await api.call('GET', '/devices/new')).body.id).toBe(joined.body.deviceId);
  });

  it('is named by its id where several claim one name', async () => {
    const ids = [await discover(await stranger()), await discover(await stranger())];
    const answer = await api.call('POST', '/devices/edge/approve');
    expect(code(answer)).toEqual([409, 'ambiguousDevice']);
    for (const one of ids) expect(answer.body.causes[0]!.mend).toContain(one);
    expect((await api.call('POST', `/devices/${ids[1]!}/approve`)).body.state).toBe('ready');
    expect((await api.call('GET', '/devices/edge')).body.id).toBe(ids[1]);
  });

  it('is not asked about again once the operator has refused it, unless its key changes', async () => {
    const who = await stranger();
    await discover(who);
    expect((await api.call('DELETE', '/devices/edge')).status).toBe(204);
    const again = await askToJoin(who);
    expect(code(again)).toEqual([403, 'deviceRefused']);
    expect(again.body.causes[0]!.mend).toContain('drayage device token');
    expect(await devices()).toEqual([]);
    const next = await discover(await stranger());
    expect(await devices()).toMatchObject([{ id: next }]);
  });

  it('is not let in again by itself after it was removed', async () => {
    const who = await stranger();
    await discover(who);
    await api.call('POST', '/devices/edge/approve');
    const { certificate } = (await askToJoin(who)).body;
    await api.call('DELETE', '/devices/edge');
    const tls = { key: who.key, cert: certificate, ca };
    expect(code(await askToJoin(who, {}, tls))).toEqual([403, 'deviceRefused']);
    expect(code(await ask(url, tls, 'GET', '/device/v1/placements'))).toEqual([403, 'noCertificate']);
  });
});

describe('devices that wait', () => {
  const fill = (number: number) =>
    api.context.db.insert(deviceTable).values(
      Array.from({ length: number }, (_, index) => ({
        id: id('device'),
        name: `waits-${String(index)}`,
        state: 'discovered' as const,
        publicKeyHash: index.toString(16).padStart(64, '0'),
        inventory,
      })),
    );

  it('are at most so many', async () => {
    await fill(MAX_DISCOVERED - 1);
    const last = await stranger();
    await discover(last);
    const late = await stranger();
    const answer = await askToJoin(late);
    expect(code(answer)).toEqual([429, 'tooManyDiscovered']);
    expect(answer.body.causes[0]).toMatchObject({ mend: containing('token') });
    // Who waits already is not concerned, and each that is dealt with makes room.
    await discover(last);
    await api.call('POST', '/devices/edge/approve');
    await discover(late, 'late');
  });

  it('are at most so many when they come at the same time', async () => {
    await fill(MAX_DISCOVERED - 2);
    const answers = await Promise.all(
      Array.from({ length: 6 }, async (_, index) =>
        askToJoin(await stranger(), { name: `n-${String(index)}` }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429, 429]);
  });

  it('are forgotten after a day, and only they', async () => {
    const { db } = api.context;
    const [old, young] = [await stranger(), await stranger()];
    const [oldId, youngId] = [await discover(old, 'old'), await discover(young, 'young')];
    const ready = await makeDevice(db);
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    await db.update(deviceTable).set({ createdAt: hoursAgo(FORGET_AFTER_HOURS + 0.1) });
    await db
      .update(deviceTable)
      .set({ createdAt: hoursAgo(FORGET_AFTER_HOURS - 0.1) })
      .where(eq(deviceTable.id, youngId));
    expect(await forgetDiscovered(db)).toEqual([oldId]);
    expect((await devices()).map((one) => one.id).sort()).toEqual([youngId, ready.id].sort());
    expect(await discover(old, 'old')).not.toBe(oldId);
  });

  it('owe nobody a sign of life', async () => {
    const { db } = api.context;
    await discover(await stranger());
    await db.update(deviceTable).set({ lastHeartbeatAt: new Date(Date.now() - 3_600_000) });
    expect(await markUnreachable(db)).toEqual([]);
    expect((await devices())[0]!.state).toBe('discovered');
  });

  it('may ask so often from one address, and no more', async () => {
    const who = await stranger();
    const other: TlsIdentity & { localAddress: string } = { ...who.tls, localAddress: '127.0.0.2' };
    for (let count = 0; count < JOIN_REQUESTS_PER_MINUTE; count += 1)
      expect((await askToJoin(who)).status).toBe(200);
    expect(code(await askToJoin(who))).toEqual([429, 'tooManyRequests']);
    expect(code(await askToJoin(await stranger()))).toEqual([429, 'tooManyRequests']);
    expect((await askToJoin(who, {}, other)).status).toBe(200);
  });
});
