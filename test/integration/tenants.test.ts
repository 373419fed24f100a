import { describe, expect, it } from 'vitest';
import { readConfig } from '../../api/config.ts';
import { createApp } from '../../api/app.ts';
import { ADMIN, callApp, useApi } from './support/api.ts';
import { id, makeCompute, makeDevice, makeImage } from './support/fixtures.ts';
import { addPerson, PASSWORD, type Person, register } from './support/people.ts';

const api = useApi();
const MIB = 2 ** 20;

async function invite(owner: Person, email: string, role: string): Promise<string> {
  const answer = await owner.call('POST', `/tenants/${owner.tenantId}/invitations`, { email, role });
  expect(answer.status).toBe(201);
  return (answer.body as { secret: string }).secret;
}

describe('registering', () => {
  it('makes an account with a tenant of its own, and signs in', async () => {
    const anna = await register(api, 'anna.schmidt');
    expect((await anna.call('GET', '/auth/me')).body).toMatchObject({
      email: 'anna.schmidt@example.org',
      role: 'user',
      tenants: [{ id: anna.tenantId, name: 'anna-schmidt', role: 'owner' }],
    });
    // Who has the same name elsewhere gets another one for the tenant.
    const other = await register(api, 'anna', { email: 'anna.schmidt@example.com' });
    const { tenants } = (await other.call('GET', '/auth/me')).body as unknown as {
      tenants: { name: string }[];
    };
    expect(tenants[0]?.name).toMatch(/^anna-schmidt-[0-9a-f]{6}$/);
  });

  it('is told of an email or a name that is taken, and leaves nothing behind', async () => {
    await register(api, 'anna');
    await expect(register(api, 'anna')).rejects.toThrow('emailTaken');
    await expect(register(api, 'ben', { tenant: 'anna' })).rejects.toThrow('nameTaken');
    await register(api, 'ben');
  });

  it('takes the case of an email for the same, and refuses a short password', async () => {
    await register(api, 'anna');
    await expect(register(api, 'x', { email: 'ANNA@example.org' })).rejects.toThrow('emailTaken');
    await expect(register(api, 'y', { password: 'eleven char' })).rejects.toThrow('password');
  });

  it.each([
    ['invitation', 201],
    ['closed', 403],
  ])('can be by %s', async (mode, withInvitation) => {
    const anna = await register(api, 'anna');
    const invitation = await invite(anna, 'ben@example.org', 'member');
    const config = readConfig({
      DATABASE_URL: api.context.config.databaseUrl,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DRAYAGE_DATA_DIR: api.dataDir,
      DRAYAGE_REGISTRATION: mode,
    });
    const app = await createApp({ ...api.context, config });
    try {
      const post = (payload: object) => app.inject({ method: 'POST', url: '/api/v1/auth/register', payload });
      const without = await post({ email: 'cleo@example.org', password: PASSWORD });
      expect(without.statusCode).toBe(403);
      expect(without.json()).toMatchObject({ causes: [{ code: 'registrationClosed' }] });
      const invited = await post({ email: 'ben@example.org', password: PASSWORD, invitation });
      expect(invited.statusCode).toBe(withInvitation);
    } finally {
      await app.close();
    }
  });
});

describe('a wrong password', () => {
  const attempt = (email: string, password: string, address: string) =>
    api.app.inject({
      method: 'POST',
      url: '/api/v1/auth/sign-in',
      remoteAddress: address,
      payload: { email, password },
    });

  it.each([ADMIN.email, 'nobody@example.org'])(
    'six times in a row locks %s for a while, from wherever it comes',
    async (email) => {
      for (let count = 0; count < 6; count += 1)
        expect((await attempt(email, 'wrong', `10.8.0.${String(count)}`)).statusCode).toBe(401);
      const locked = await attempt(email, ADMIN.password, '10.8.1.1');
      expect(locked.statusCode).toBe(429);
      expect(locked.json()).toMatchObject({ causes: [{ code: 'signInLocked' }] });
    },
  );

  it('is forgotten when the right one comes', async () => {
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 5; count += 1)
        await attempt(ADMIN.email, 'wrong', `10.8.${String(round)}.${String(count)}`);
      expect((await attempt(ADMIN.email, ADMIN.password, '10.8.9.9')).statusCode).toBe(200);
    }
  });
});

describe('members', () => {
  it('come by an invitation: once, in time, and only who was invited', async () => {
    const [anna, ben, cleo] = [
      await addPerson(api, 'anna'),
      await addPerson(api, 'ben'),
      await addPerson(api, 'cleo'),
    ];
    const secret = await invite(anna, ben.email, 'member');
    expect(await cleo.call('POST', '/invitations/accept', { secret })).toMatchObject({
      status: 403,
      body: { causes: [{ code: 'invitationRefused' }] },
    });
    expect(await ben.call('POST', '/invitations/accept', { secret })).toMatchObject({ status: 200 });
    expect(await ben.call('POST', '/invitations/accept', { secret })).toMatchObject({ status: 403 });
    expect((await ben.call('GET', '/tenants')).body).toMatchObject({
      items: [
        { name: 'anna', role: 'member' },
        { name: 'ben', role: 'owner' },
      ],
    });
    // Without a word it is his own; the header names the other.
    await makeCompute(api.context.db, { name: 'web', tenantId: anna.tenantId });
    expect((await ben.call('GET', '/computes')).body).toMatchObject({ items: [] });
    const named = { 'x-drayage-tenant': 'anna' };
    expect((await ben.call('GET', '/computes', undefined, named)).body).toMatchObject({
      items: [{ name: 'web' }],
    });
    expect((await ben.call('GET', '/computes?tenant=anna')).body).toMatchObject({ items: [{ name: 'web' }] });
  });

  it('cannot be left without an owner; who was removed sees nothing any more', async () => {
    const anna = await addPerson(api, 'anna');
    const ben = await addPerson(api, 'ben', await invite(anna, 'ben@example.org', 'member'));
    const member = (who: Person) => `/tenants/${anna.tenantId}/members/${who.id}`;
    expect(await anna.call('DELETE', member(anna))).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'lastOwner' }] },
    });
    expect(await anna.call('PATCH', member(ben), { role: 'owner' })).toMatchObject({ status: 204 });
    expect(await ben.call('PATCH', member(anna), { role: 'viewer' })).toMatchObject({ status: 204 });
    expect(await anna.call('PATCH', member(anna), { role: 'owner' })).toMatchObject({ status: 403 });
    expect(await ben.call('DELETE', member(anna))).toMatchObject({ status: 204 });
    expect(await anna.call('GET', `/tenants/${anna.tenantId}`)).toMatchObject({ status: 404 });
    expect(await anna.call('GET', '/computes')).toMatchObject({ status: 403 });
  });

  it('an invitation that was taken back or has ended is refused', async () => {
    const [anna, ben] = [await addPerson(api, 'anna'), await addPerson(api, 'ben')];
    const secret = await invite(anna, ben.email, 'viewer');
    const path = `/tenants/${anna.tenantId}/invitations`;
    const { items } = (await anna.call('GET', path)).body as unknown as { items: { id: string }[] };
    expect(JSON.stringify(items)).not.toContain(secret);
    expect(await anna.call('DELETE', `${path}/${items[0]?.id ?? ''}`)).toMatchObject({ status: 204 });
    expect(await ben.call('POST', '/invitations/accept', { secret })).toMatchObject({ status: 403 });
  });
});

describe('a tenant', () => {
  it('is deleted when it has nothing any more', async () => {
    const anna = await addPerson(api, 'anna');
    const compute = await makeCompute(api.context.db, { tenantId: anna.tenantId });
    expect(await anna.call('DELETE', `/tenants/${anna.tenantId}`)).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'tenantInUse' }] },
    });
    const empty = (await anna.call('POST', '/tenants', { name: 'empty' })).body as { id: string };
    expect(await anna.call('DELETE', `/tenants/${empty.id}`)).toMatchObject({ status: 204 });
    expect(await anna.call('GET', `/tenants/${empty.id}`)).toMatchObject({ status: 404 });
    // Its name is free again.
    expect(await anna.call('POST', '/tenants', { name: 'empty' })).toMatchObject({ status: 201 });
    expect(await anna.call('GET', `/computes/${compute.id}`)).toMatchObject({ status: 200 });
  });
});

describe('a quota', () => {
  it('is set by the operator, and holds for what comes after it', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    await makeDevice(db);
    const image = await makeImage(db, 'web', anna.tenantId);
    const path = `/tenants/${anna.tenantId}/quota`;
    const limits = { computes: 2, memoryBytes: 256 * MIB };
    expect(await anna.call('PATCH', path, limits)).toMatchObject({ status: 403 });
    expect(await api.call('PATCH', path, limits)).toMatchObject({ status: 200 });
    const create = (name: string, memoryBytes?: number) =>
      anna.call('POST', '/computes', { name, image: image.id, memoryBytes });
    expect(await create('a')).toMatchObject({ status: 422, body: { causes: [{ code: 'quotaNeedsLimit' }] } });
    expect(await create('a', 128 * MIB)).toMatchObject({ status: 202 });
    expect(await create('b', 129 * MIB)).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'quotaExceeded' }] },
    });
    expect(await create('b', 128 * MIB)).toMatchObject({ status: 202 });
    expect(await create('c', 6 * MIB)).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'quotaExceeded' }, { code: 'quotaExceeded' }] },
    });
    expect((await anna.call('GET', path)).body).toMatchObject({
      quota: { ...limits, cpus: null, imageBytes: null },
      used: { computes: 2, memoryBytes: 256 * MIB, cpus: 0, imageBytes: 1024 },
    });
  });

  it('holds for two that come at the same moment', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    await makeDevice(db);
    const image = await makeImage(db, 'web', anna.tenantId);
    await api.call('PATCH', `/tenants/${anna.tenantId}/quota`, { computes: 1 });
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => anna.call('POST', '/computes', { name, image: image.id })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409]);
  });

  it('counts an image once, under however many names', async () => {
    const { db } = api.context;
    const anna = await addPerson(api, 'anna');
    await api.call('PATCH', `/tenants/${anna.tenantId}/quota`, { imageBytes: 1500 });
    await makeImage(db, 'one', anna.tenantId);
    await expect(makeImage(db, 'two', anna.tenantId)).rejects.toMatchObject({
      causes: [{ code: 'quotaExceeded' }],
    });
  });
});

describe('the audit', () => {
  it('has every change and every refusal: who, what, from where, and how it ended', async () => {
    const [anna, ben] = [await register(api, 'anna'), await register(api, 'ben')];
    await anna.call('POST', '/tenants', { name: 'second' });
    const compute = id('compute');
    await anna.call('DELETE', `/computes/${compute}`);
    await anna.call('POST', '/devices/tokens', {});
    await callApp(api.app, 'wrong', 'GET', '/computes');
    const { items } = (await anna.call('GET', '/audit')).body as unknown as { items: object[] };
    expect(items).toMatchObject([
      { action: 'POST /devices/tokens', status: 403, causes: ['forbidden'] },
      { action: 'DELETE /computes/:id', subject: compute, status: 404, causes: ['unknownCompute'] },
      {
        action: 'POST /tenants',
        status: 201,
        account: { email: anna.email },
        address: '127.0.0.1',
        causes: [],
      },
    ]);
    expect((await ben.call('GET', '/audit')).body).toMatchObject({ items: [] });
    const all = await api.call('GET', '/audit?all=true');
    expect(all.body).toMatchObject({
      items: expect.arrayContaining([
        expect.objectContaining({ action: 'GET /computes', status: 401, account: null }),
        expect.objectContaining({ action: 'POST /auth/register', status: 201, account: null }),
      ]) as unknown,
    });
    expect(JSON.stringify(all.body)).not.toContain(PASSWORD);
  });
});
