import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runPull } from '../../api/registries/pull.ts';
import { registriesSchema } from '../../api/registries/policy.ts';
import { imagePullSchema } from '../../core/api/registries.ts';
import { DrayageError } from '../../core/cause.ts';
import { clearPulls, pullFailed } from '../../db/imagePulls.ts';
import { registryCredential } from '../../db/schema/index.ts';
import { useApi } from './support/api.ts';
import { type Person, register } from './support/people.ts';
import { type RegistryServer, startRegistry } from './support/registryServer.ts';

const api = useApi();
const LOGIN = { username: 'shop', password: 'the secret of the shop' };

async function registry(login?: typeof LOGIN): Promise<RegistryServer> {
  const server = await startRegistry(login);
  onTestFinished(() => server.close());
  return server;
}

/** Asks for a pull as a person and does it as the control worker would; resolves with the cause's code, or `succeeded`. */
async function pull(
  reference: string,
  over: { listed?: string; person?: Pick<Person, 'call'>; architecture?: string; name?: string } = {},
): Promise<string> {
  const { listed = '', person = api, ...rest } = over;
  const accepted = await person.call('POST', '/images/pull', { reference, ...rest });
  expect([accepted.status, accepted.body.causes], reference).toEqual([202, undefined]);
  const { id } = accepted.body;
  expect(api.workflows.pulls.at(-1)).toEqual({ pullId: id, reference });
  const context = { ...api.context, registries: registriesSchema.parse(listed) };
  try {
    await runPull(context, id, new AbortController().signal);
    // As after a worker that was killed right then.
    await runPull(context, id, new AbortController().signal);
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error;
    await pullFailed(api.context.db, id, error.cause_);
    expect(error.cause_).toEqual({
      code: expect.any(String) as string,
      message: expect.stringMatching(/./) as string,
      mend: expect.stringMatching(/./) as string,
    });
  }
  const shown = imagePullSchema.parse((await person.call('GET', `/images/pulls/${id}`)).body);
  expect(await readdir(join(api.dataDir, 'images', 'uploads'))).toEqual([]);
  return shown.causes[0]?.code ?? shown.state;
}

describe('an image from a registry', () => {
  it('is got with the credentials of its tenant, and pinned by the digest of its manifest', async () => {
    const server = await registry(LOGIN);
    const listed = `http://${server.host}`;
    const reference = `${server.host}/shop/web`;
    expect(await pull(reference, { listed })).toBe('registryUnauthorized');
    const added = await api.call('POST', '/registries', { host: server.host, ...LOGIN });
    expect([added.status, added.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^reg_/) as string,
        host: server.host,
        username: 'shop',
        createdAt: expect.any(String) as string,
      },
    ]);
    expect(await pull(reference, { listed })).toBe('succeeded');
    expect((await api.call('GET', '/images/shop%2Fweb')).body).toMatchObject({
      digest: server.configDigest,
      info: { command: ['/bin/app'], architecture: 'amd64', layers: 1 },
    });
    expect(await pull(`${reference}@${server.manifestDigest}`, { listed, name: 'pinned' })).toBe('succeeded');
    // The password is seen by nobody: not in answers, the audit or the database; another tenant has not got it.
    const rows = await api.context.db.select().from(registryCredential);
    const words = await Promise.all(
      ['/registries', '/audit', '/images'].map(async (path) =>
        JSON.stringify((await api.call('GET', path)).body),
      ),
    );
    for (const text of [...words, JSON.stringify(rows)]) expect(text).not.toContain(LOGIN.password);
    const stranger = await register(api, 'stranger');
    expect(await pull(reference, { listed, person: stranger })).toBe('registryUnauthorized');
    expect((await stranger.call('DELETE', `/registries/${added.body.id}`)).status).toBe(404);
    expect((await stranger.call('GET', '/registries')).body.items).toEqual([]);
    // Given again it is replaced.
    await api.call('POST', '/registries', { host: server.host, ...LOGIN, password: 'wrong' });
    expect(await pull(reference, { listed, name: 'again' })).toBe('registryUnauthorized');
    expect((await api.call('DELETE', `/registries/${added.body.id}`)).status).toBe(204);
    expect((await api.call('GET', '/registries')).body.items).toEqual([]);
  });

  it('is refused with its cause when it is not there, for another architecture, or not what its digest says', async () => {
    const server = await registry();
    const listed = `http://${server.host}`;
    const web = `${server.host}/shop/web`;
    expect(await pull(`${server.host}/shop/none`, { listed })).toBe('imageNotFound');
    expect(await pull(`${web}:2`, { listed })).toBe('imageNotFound');
    expect(await pull(web, { listed, architecture: 'arm64' })).toBe('wrongArchitecture');
    const config = `/v2/shop/web/blobs/${server.configDigest}`;
    server.answers.set(config, (response) => response.end('{"other":1}'));
    expect(await pull(web, { listed })).toBe('registryAnswer');
    server.answers.clear();
    const layer = server.asked.length;
    expect(await pull(web, { listed, name: 'once' })).toBe('succeeded');
    const blob =
      server.asked.slice(layer).find((one) => one.includes('/blobs/') && !one.includes(config)) ?? '';
    const [path = ''] = blob.split(' ');
    for (const [name, bytes, code] of [
      ['other', Buffer.from('not gzip'), 'damagedImage'],
      ['empty', Buffer.alloc(0), 'damagedImage'],
    ] as const) {
      server.answers.set(path, (response) => response.end(bytes));
      expect(await pull(web, { listed, name }), name).toBe(code);
    }
    server.answers.set(path, (response) => response.destroy());
    expect(await pull(web, { listed, name: 'cut' })).toBe('registryUnreachable');
    server.answers.set('/v2/shop/web/manifests/latest', (response) => response.end('no JSON'));
    expect(await pull(web, { listed, name: 'text' })).toBe('registryAnswer');
    server.answers.set('/v2/shop/web/manifests/latest', (response) => response.writeHead(500).end());
    expect(await pull(web, { listed, name: 'failing' })).toBe('registryAnswer');
    await server.close();
    expect(await pull(web, { listed, name: 'away' })).toBe('registryUnreachable');
  });

  it('is not looked for at addresses of this network, and nobody finds out what is there', async () => {
    const server = await registry();
    const { port } = new URL(`http://${server.host}`);
    const before = server.asked.length;
    for (const host of [
      server.host,
      `localhost:${port}`,
      `[::1]:${port}`,
      '127.0.0.1:1',
      '169.254.169.254',
      '2130706433',
    ])
      if (host.includes('.') || host.includes(':'))
        expect(await pull(`${host}/shop/web`), host).toBe('registryRefused');
    expect(server.asked).toHaveLength(before);
    // A listed one may not lead elsewhere either: by a redirect, or by where it wants its tokens asked for.
    const inner = await registry();
    const listed = `http://${server.host}`;
    const path = '/v2/shop/web/manifests/latest';
    server.answers.set(path, (response) => {
      response.writeHead(307, { location: `http://${inner.host}${path}` }).end();
    });
    expect(await pull(`${server.host}/shop/web`, { listed })).toBe('registryRefused');
    server.answers.set(path, (response) => {
      const realm = `https://${inner.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
    });
    expect(await pull(`${server.host}/shop/web`, { listed })).toBe('registryRefused');
    expect(inner.asked).toEqual([]);
  });

  it('gives its credentials to no other host', async () => {
    const [server, other] = [await registry(LOGIN), await registry()];
    await api.call('POST', '/registries', { host: server.host, ...LOGIN });
    server.answers.set(`/v2/shop/web/blobs/${server.configDigest}`, (response) => {
      response
        .writeHead(307, { location: `http://${other.host}/v2/shop/web/blobs/${server.configDigest}` })
        .end();
    });
    const listed = `http://${server.host},http://${other.host}`;
    expect(await pull(`${server.host}/shop/web`, { listed })).toBe('succeeded');
    expect(other.asked).toEqual([`/v2/shop/web/blobs/${server.configDigest} -`]);
  });

  it('is asked for with a reference that is one, a few at a time, once for each key', async () => {
    for (const reference of ['', 'http://x.org/web', 'x.org/Web', 'a'.repeat(10_000), 'web\u0007', '🚢'])
      expect((await api.call('POST', '/images/pull', { reference })).status, reference.slice(0, 20)).toBe(
        400,
      );
    for (const over of [{ username: 'a:b' }, { password: 'a\nb' }, { host: 'http://x' }, { password: '' }])
      expect(
        (await api.call('POST', '/registries', { host: 'x.org', ...LOGIN, ...over })).status,
        JSON.stringify(over),
      ).toBe(400);
    const ask = (key: string) =>
      api.call('POST', '/images/pull', { reference: 'x.org/web' }, { 'idempotency-key': key });
    const first = await ask('one');
    expect((await ask('one')).body).toEqual(first.body);
    for (const key of ['two', 'three', 'four']) expect((await ask(key)).status).toBe(202);
    expect(await ask('five')).toMatchObject({ status: 429, body: { causes: [{ code: 'tooManyPulls' }] } });
    api.workflows.away = true;
    await pullFailed(api.context.db, first.body.id, { code: 'x', message: 'x', mend: 'x' });
    expect((await ask('six')).status).toBe(503);
    await clearPulls(api.context.db);
    expect((await api.call('GET', `/images/pulls/${first.body.id}`)).body.state).toBe('failed');
  });
});
