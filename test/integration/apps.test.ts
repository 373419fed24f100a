import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { receiveApp } from '../../api/apps/receiveApp.ts';
import { settleApps } from '../../api/apps/settleApps.ts';
import { sweepAppStore } from '../../api/apps/store.ts';
import { createLogger } from '../../api/logger.ts';
import { createAppCompute, getApp, setAppImage, setAppState } from '../../db/apps.ts';
import { getCompute } from '../../db/computes.ts';
import { setDeviceState } from '../../db/devices.ts';
import { eventsOf } from '../../db/events.ts';
import { setRuntime } from '../../db/runtimes.ts';
import { type AnswerBody, anyString } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { bufferMeter } from './support/bufferMeter.ts';
import { addressRange, id, makeApp, makeCompute, makeDevice, makeImage } from './support/fixtures.ts';
import { type Member, tarOf } from './support/tar.ts';

const api = useApi();
const MIB = 2 ** 20;
const quiet = createLogger('silent');

const manifestOf = (over: object = {}): Member => ({
  name: 'drayage.json',
  content: JSON.stringify({
    start: ['node', 'server.js'],
    ports: [{ compute: 8080 }],
    env: { A: 'b' },
    ...over,
  }),
});
const SERVER: Member = { name: './server.js', content: 'console.log(1)', mode: 0o600 };

/** The operator's base of node, and a device that can build on it. */
async function prepare() {
  const { db } = api.context;
  const device = await makeDevice(db);
  const base = await makeImage(db, 'node-base');
  await setRuntime(db, { runtime: 'node', imageId: base.id, actor: 'usr_000000000000' });
  return { device, base };
}

async function upload(
  body: Buffer | Readable,
  query = 'name=shop&runtime=node',
  headers: Record<string, string> = {},
) {
  const token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
  const answer = await api.app.inject({
    method: 'POST',
    url: `/api/v1/apps?${query}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-tar', ...headers },
    payload: body,
  });
  return { status: answer.statusCode, body: answer.json<AnswerBody>(), headers: answer.headers };
}

const stored = async () => ({
  archives: (await readdir(join(api.dataDir, 'apps'))).filter((name) => name !== 'uploads'),
  uploads: await readdir(join(api.dataDir, 'apps', 'uploads')),
});
const NOTHING = { archives: [], uploads: [] };

async function contextOf(appId: string) {
  const tar = extract();
  tar.end(await readFile(join(api.dataDir, 'apps', `${appId}.tar`)));
  const members: { name: string; type: string; mode: number; linkname: string | null; text: string }[] = [];
  for await (const entry of tar) {
    const { name, type, mode, linkname } = entry.header;
    const text = (await buffer(entry)).toString();
    members.push({ name, type: type ?? '', mode: mode ?? 0, linkname: linkname ?? null, text });
  }
  return members;
}

describe('an application that is uploaded', () => {
  it('is recorded, and its archive becomes the context of a build', async () => {
    const { device, base } = await prepare();
    const big = 'x'.repeat(300_000);
    const archive = await tarOf([
      { name: './', type: 'directory' },
      manifestOf(),
      SERVER,
      { name: 'bin/', type: 'directory', mode: 0o700 },
      { name: 'bin/run', type: 'symlink', linkname: '../server.js' },
      { name: 'bin/same', type: 'link', linkname: './server.js' },
      { name: 'big.txt', content: big },
      { name: 'empty', content: '' },
    ]);
    const answer = await upload(gzipSync(archive));
    expect(answer).toMatchObject({ status: 202, body: { id: anyString, runId: anyString } });
    const appId = answer.body.id;
    const { addresses } = api.context.config;
    expect(api.workflows.builds).toEqual([
      {
        app: appId,
        name: 'shop',
        device: device.id,
        base: { id: base.id, digest: base.digest },
        range: addresses,
      },
    ]);
    const members = await contextOf(appId);
    expect(members.map(({ name, type, mode, linkname }) => [name, type, mode.toString(8), linkname])).toEqual(
      [
        ['app/', 'directory', '755', null],
        ['app/drayage.json', 'file', '644', null],
        ['app/server.js', 'file', '644', null],
        ['app/bin', 'directory', '755', null],
        ['app/bin/run', 'symlink', '777', '../server.js'],
        ['app/bin/same', 'link', '644', 'app/server.js'],
        ['app/big.txt', 'file', '644', null],
        ['app/empty', 'file', '644', null],
        ['Dockerfile', 'file', '644', null],
      ],
    );
    expect(members.find(({ name }) => name === 'app/big.txt')?.text).toBe(big);
    expect(members.at(-1)?.text).toContain(`FROM ${base.digest}\n`);
    expect(members.at(-1)?.text).toContain('CMD ["node","server.js"]');
    const shown = await api.call('GET', '/apps/shop');
    expect(shown).toMatchObject({
      status: 200,
      body: {
        ...{ id: appId, name: 'shop', runtime: 'node', state: 'queued', log: [], image: null, compute: null },
        ...{ device: { id: device.id }, ports: [{ compute: 8080, protocol: 'tcp' }] },
      },
    });
    expect((await api.call('GET', '/apps')).body.items).toMatchObject([{ id: appId }]);
    expect((await eventsOf(api.context.db, appId)).map(({ type }) => type)).toEqual(['app.queued']);
  });

  it('takes name and runtime from its manifest where the upload does not say them', async () => {
    await prepare();
    const archive = await tarOf([manifestOf({ name: 'told', runtime: 'node' }), SERVER]);
    expect((await upload(archive, '')).status).toBe(202);
    expect((await api.call('GET', '/apps/told')).status).toBe(200);
  });

  it('is done once for one Idempotency-Key', async () => {
    await prepare();
    const archive = await tarOf([manifestOf(), SERVER]);
    const key = { 'idempotency-key': 'once' };
    const first = await upload(archive, undefined, key);
    const second = await upload(archive, undefined, key);
    expect(second).toMatchObject({
      status: 202,
      body: first.body,
      headers: { 'idempotency-replayed': 'true' },
    });
    expect(api.workflows.builds).toHaveLength(1);
    expect((await upload(archive, 'name=other&runtime=node', key)).body.causes[0]?.code).toBe(
      'idempotencyKeyReused',
    );
  });

  it('is built once Temporal is back, and its record ends when its workflow is gone', async () => {
    await prepare();
    api.workflows.away = true;
    const { body } = await upload(await tarOf([manifestOf(), SERVER]));
    expect(body.runId).toBe('');
    await settleApps(api.context, quiet, 0);
    expect(api.workflows.builds).toEqual([]);
    api.workflows.away = false;
    await settleApps(api.context, quiet, 0);
    expect(api.workflows.builds).toMatchObject([{ app: body.id }]);
    await settleApps(api.context, quiet, 0);
    expect((await getApp(api.context.db, body.id)).state).toBe('queued');
    api.workflows.running.clear();
    await settleApps(api.context, quiet, 0);
    expect(await getApp(api.context.db, body.id)).toMatchObject({
      state: 'failed',
      causes: [{ code: 'workflowGone' }],
    });
    expect(await stored()).toEqual(NOTHING);
  });
});

describe('what is refused', () => {
  const bad: [string, () => Promise<Buffer> | Buffer, number, string][] = [
    ['no archive', () => Buffer.from('hello'), 422, 'notATar'],
    ['nothing', () => Buffer.alloc(0), 422, 'notATar'],
    [
      'half an archive',
      async () => (await tarOf([manifestOf(), SERVER])).subarray(0, 1500),
      422,
      'truncated',
    ],
    [
      'half a gzip file',
      async () => gzipSync(await tarOf([manifestOf(), SERVER])).subarray(0, 150),
      422,
      'truncated',
    ],
    ['no manifest', () => tarOf([SERVER]), 422, 'noManifest'],
    [
      'a manifest below a folder',
      () => tarOf([{ ...manifestOf(), name: 'shop/drayage.json' }]),
      422,
      'noManifest',
    ],
    ['a manifest that is no JSON', () => tarOf([{ name: 'drayage.json', content: '{' }]), 422, 'badManifest'],
    [
      'a manifest of 1 MiB',
      () => tarOf([{ name: 'drayage.json', content: ' '.repeat(MIB) }]),
      422,
      'badManifest',
    ],
    [
      'a manifest that is a link',
      () => tarOf([{ name: 'drayage.json', type: 'symlink', linkname: 'a' }]),
      422,
      'badManifest',
    ],
    ['shell', () => tarOf([manifestOf({ start: 'node a; rm -rf /' }), SERVER]), 422, 'shellInManifest'],
    ['another runtime', () => tarOf([manifestOf({ runtime: 'python' }), SERVER]), 422, 'runtimeMismatch'],
    ['a path that leads out', () => tarOf([manifestOf(), { name: '../x' }]), 422, 'unsafePath'],
    [
      'an absolute link',
      () => tarOf([manifestOf(), { name: 'a', type: 'symlink', linkname: '/etc/passwd' }]),
      422,
      'unsafePath',
    ],
    ['a device', () => tarOf([manifestOf(), { name: 'null', type: 'character-device' }]), 422, 'unsafePath'],
    ['a setuid file', () => tarOf([manifestOf(), { name: 'su', mode: 0o4755 }]), 422, 'setuidFile'],
    [
      'a name of 10,000 characters',
      () => tarOf([manifestOf(), { name: 'x'.repeat(10_000) }]),
      422,
      'unsafePath',
    ],
    ['a control character', () => tarOf([manifestOf(), { name: 'a\u001b[2Jb' }]), 422, 'badFileName'],
    ['a file twice', () => tarOf([manifestOf(), SERVER, SERVER]), 422, 'duplicateFile'],
    ['too many bytes', () => headOf(17 * MIB), 413, 'appTooLarge'],
  ];
  it.each(bad)('%s, with cause and mend, and nothing is left behind', async (_what, make, status, code) => {
    await prepare();
    const answer = await upload(await make());
    expect(answer).toMatchObject({
      status,
      body: { causes: [{ code, message: anyString, mend: anyString }] },
    });
    // Whoever reads it on a terminal is sent no sequence.
    expect(answer.body.causes[0]?.message).not.toMatch(/\p{Cc}/u);
    expect(await stored()).toEqual(NOTHING);
    expect((await api.call('GET', '/apps')).body.items).toEqual([]);
    expect(api.workflows.builds).toEqual([]);
    const { items } = (await api.call('GET', '/audit')).body as unknown as {
      items: { action: string; causes: string[] }[];
    };
    expect(items.find(({ action }) => action === 'POST /apps')?.causes).toEqual([code]);
  });

  it.each(['Upper', 'x'.repeat(10_000), 'a\u0007b', '🚢', 'app_x y'])('the name %j', async (name) => {
    await prepare();
    expect(
      (await upload(await tarOf([manifestOf()]), `runtime=node&name=${encodeURIComponent(name)}`)).status,
    ).toBe(400);
  });

  it('10 GB of zeros in 10 MB, early and with constant memory: as a file, and as nothing at all', async () => {
    const head = (await tarOf([manifestOf()])).subarray(0, 1024);
    for (const [first, code] of [
      [await headOf(10 * 2 ** 30), 'appTooLarge'],
      [head, 'archiveBomb'],
    ] as const) {
      const used = bufferMeter();
      const before = used();
      let sent = 0;
      let peak = 0;
      const zeros = Buffer.alloc(MIB);
      const body = Readable.from(
        (function* () {
          yield first;
          for (; sent < 10 * 1024; sent += 1) {
            if (sent % 16 === 0) peak = Math.max(peak, used());
            yield zeros;
          }
        })(),
        { objectMode: false },
      ).pipe(createGzip({ level: 1 }));
      await expect(receiveApp(api.dataDir, body, 64 * MIB)).rejects.toMatchObject({ cause_: { code } });
      body.destroy();
      expect(sent, 'MiB that were looked at').toBeLessThan(512);
      expect(peak - before).toBeLessThan(32 * MIB);
      expect(await stored()).toEqual(NOTHING);
    }
  });

  it('a runtime without a base, a name that is taken, a tenant without room, too many at once', async () => {
    const { db } = api.context;
    const archive = await tarOf([manifestOf(), SERVER]);
    expect(await upload(archive)).toMatchObject({ status: 422, body: { causes: [{ code: 'noBase' }] } });
    await prepare();
    await makeCompute(db, { name: 'taken' });
    expect(await upload(archive, 'name=taken&runtime=node')).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'nameTaken' }] },
    });
    expect((await upload(archive, 'runtime=node')).body.causes[0]?.code).toBe('noName');
    expect((await upload(archive, 'name=a')).body.causes[0]?.code).toBe('noRuntime');
    expect((await upload(archive, 'name=a&runtime=node&device=nosuch')).body.causes[0]?.code).toBe(
      'unknownDevice',
    );
    for (const name of ['a', 'b', 'c', 'd'])
      expect((await upload(archive, `name=${name}&runtime=node`)).status).toBe(202);
    expect((await upload(archive, 'name=a&runtime=node')).body.causes[0]?.code).toBe('nameTaken');
    expect((await upload(archive, 'name=e&runtime=node')).body.causes[0]?.code).toBe('tooManyBuilds');
    const tenant = (await getApp(db, api.workflows.builds[0]!.app)).tenantId;
    await api.call('PATCH', `/tenants/${tenant}/quota`, { imageBytes: 1 });
    expect((await upload(archive, 'name=e&runtime=node')).body.causes[0]?.code).toBe('quotaExceeded');
    expect((await stored()).archives).toHaveLength(4);
    expect((await stored()).uploads).toEqual([]);
  });

  it('a device of another architecture than the base', async () => {
    await prepare();
    await makeDevice(api.context.db, {
      name: 'arm',
      inventory: { architecture: 'arm64', memoryAvailableBytes: 2 ** 40 },
    });
    const archive = await tarOf([manifestOf(), SERVER]);
    expect((await upload(archive, 'name=a&runtime=node&device=arm')).body.causes[0]?.code).toBe(
      'otherArchitecture',
    );
    const { body } = await upload(archive);
    expect((await getApp(api.context.db, body.id)).deviceName).not.toBe('arm');
  });
});

/** The header of a file that is said to be that large. */
async function headOf(size: number): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'zeros', size });
  for await (const chunk of tar) return chunk as Buffer;
  throw new Error('There is no header.');
}

describe('the compute of an application', () => {
  it('is recorded once, as the manifest says, on the device that has built it', async () => {
    const { db } = api.context;
    const app = await makeApp(db);
    const image = await makeImage(db);
    await setAppImage(db, app.id, image.id);
    const making = () =>
      createAppCompute(db, app.id, { range: addressRange, computeId: id('compute'), group: id('group') });
    const first = await making();
    expect(await making()).toEqual(first);
    expect(first).toMatchObject({ device: app.deviceId, epoch: 1 });
    expect(first.spec).toMatchObject({
      name: app.name,
      image: { id: image.id },
      env: { A: 'b' },
      memoryBytes: 64 * MIB,
    });
    expect(await getCompute(db, first.spec.id)).toMatchObject({ state: 'creating', tenantId: app.tenantId });
    expect((await api.call('GET', `/apps/${app.id}`)).body).toMatchObject({
      compute: { id: first.spec.id, name: app.name },
    });
  });

  it('is not made on a device that was cordoned meanwhile', async () => {
    const { db } = api.context;
    const app = await makeApp(db);
    await setAppImage(db, app.id, (await makeImage(db)).id);
    await setDeviceState(db, app.deviceId, ['ready'], 'cordoned');
    await expect(
      createAppCompute(db, app.id, { range: addressRange, computeId: id('compute'), group: id('group') }),
    ).rejects.toMatchObject({ cause_: { code: 'deviceNotReady' } });
  });
});

describe('what a build leaves', () => {
  it('goes once the build has ended: the archive, and an image of which no compute was made', async () => {
    const { db } = api.context;
    await prepare();
    const { body } = await upload(await tarOf([manifestOf(), SERVER]));
    const image = await makeImage(db, 'shop:built');
    await setAppImage(db, body.id, image.id);
    await sweepAppStore(api.context);
    expect((await stored()).archives).toEqual([`${body.id}.tar`]);
    await setAppState(db, body.id, 'failed', [{ code: 'x', message: 'It failed.', mend: 'Try.' }]);
    await sweepAppStore(api.context);
    expect(await stored()).toEqual(NOTHING);
    expect((await api.call('GET', `/images/${image.id}`)).status).toBe(404);
    // What has ended stays as it ended.
    await setAppState(db, body.id, 'running');
    expect((await api.call('GET', `/apps/${body.id}`)).body).toMatchObject({
      state: 'failed',
      reason: 'It failed.',
      image: null,
    });
  });

  it('of an upload whose process died goes after an hour', async () => {
    const path = join(api.dataDir, 'apps', 'uploads', 'half');
    await writeFile(path, 'half');
    await sweepAppStore(api.context);
    expect((await stored()).uploads).toEqual(['half']);
    const old = new Date(Date.now() - 2 * 3_600_000);
    await utimes(path, old, old);
    await sweepAppStore(api.context);
    expect((await stored()).uploads).toEqual([]);
  });
});

describe('runtimes', () => {
  it('are set, listed and removed; their image cannot be removed meanwhile', async () => {
    const { db } = api.context;
    const image = await makeImage(db, 'node-base');
    expect((await api.call('GET', '/runtimes')).body.items).toEqual([]);
    expect((await api.call('PUT', '/runtimes/node', { image: 'nosuch' })).body.causes[0]?.code).toBe(
      'unknownImage',
    );
    expect((await api.call('PUT', '/runtimes/perl', { image: 'node-base' })).status).toBe(400);
    expect(await api.call('PUT', '/runtimes/node', { image: 'node-base' })).toMatchObject({
      status: 200,
      body: { runtime: 'node', digest: image.digest, architecture: 'amd64' },
    });
    const other = await makeImage(db, 'newer');
    expect((await api.call('DELETE', '/images/node-base')).body.causes[0]).toMatchObject({
      code: 'imageInUse',
      mend: anyString,
    });
    await api.call('PUT', '/runtimes/node', { image: other.id });
    expect((await api.call('GET', '/runtimes')).body.items).toMatchObject([
      { runtime: 'node', digest: other.digest },
    ]);
    expect((await api.call('DELETE', '/runtimes/node')).status).toBe(204);
    expect((await api.call('DELETE', '/runtimes/node')).body.causes[0]?.code).toBe('unknownRuntime');
    expect((await api.call('DELETE', '/images/newer')).status).toBe(204);
  });
});
