import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { appArchivePath } from '../../api/apps/store.ts';
import { setAppState } from '../../db/apps.ts';
import { useApi } from './support/api.ts';
import { makeApp } from './support/fixtures.ts';
import { useDevices } from './support/joinedDevices.ts';
import { saveOf, tarOf } from './support/tar.ts';

const api = useApi();
const joinAs = useDevices(api);

const cause = (code: string) => ({ cause_: { code } });

it('only the device that builds an application gets its archive, and only while it does', async () => {
  const [mine, other] = [await joinAs('mine'), await joinAs('other')];
  const app = await makeApp(api.context.db, undefined, mine.deviceId);
  await writeFile(appArchivePath(api.dataDir, app.id), 'the context');
  expect(await text(await mine.client.appArchive(app.id))).toBe('the context');
  await expect(other.client.appArchive(app.id)).rejects.toMatchObject(cause('unknownApp'));
  await expect(other.client.appLog(app.id, 0, ['x'])).rejects.toMatchObject(cause('unknownApp'));
  const image = (await saveOf()).archive;
  await expect(other.client.sendAppImage(app.id, Readable.from([image]))).rejects.toMatchObject(
    cause('unknownApp'),
  );
  await expect(mine.client.imageSources(app.base.id)).resolves.toMatchObject({ peers: [] });
  await expect(other.client.imageSources(app.base.id)).rejects.toMatchObject(cause('unknownImage'));
  await setAppState(api.context.db, app.id, 'failed', [{ code: 'x', message: 'It failed.', mend: '' }]);
  await expect(mine.client.appArchive(app.id)).rejects.toMatchObject(cause('unknownApp'));
  await expect(mine.client.imageSources(app.base.id)).rejects.toMatchObject(cause('unknownImage'));
  await expect(mine.client.sendAppImage(app.id, Readable.from([image]))).rejects.toMatchObject(
    cause('unknownApp'),
  );
});

it('an attempt that is repeated writes its log over that of the one before', async () => {
  const { client, deviceId } = await joinAs('edge');
  const app = await makeApp(api.context.db, undefined, deviceId);
  const log = async () =>
    ((await api.call('GET', `/apps/${app.id}`)).body as unknown as { log: string[] }).log;
  await client.appLog(app.id, 0, ['Step 1', 'Step 2']);
  await client.appLog(app.id, 2, ['Step 3']);
  await client.appLog(app.id, 2, ['Step 3']);
  expect(await log()).toEqual(['Step 1', 'Step 2', 'Step 3']);
  await client.appLog(app.id, 0, ['Step 1 again']);
  expect(await log()).toEqual(['Step 1 again']);
  await expect(client.appLog(app.id, 1, ['a\u001b[2Jb'])).rejects.toMatchObject(cause('invalid'));
});

it("what it has built becomes the tenant's image, once", async () => {
  const { client, deviceId } = await joinAs('edge');
  const app = await makeApp(api.context.db, undefined, deviceId);
  await expect(client.sendAppImage(app.id, Readable.from([Buffer.from('no image')]))).rejects.toMatchObject(
    cause('notATar'),
  );
  await expect(
    client.sendAppImage(app.id, Readable.from([await tarOf([{ name: '../x' }])])),
  ).rejects.toMatchObject(cause('unsafePath'));
  const broken = Readable.from(
    (function* () {
      yield randomBytes(1000);
      throw new Error('the engine is away');
    })(),
  );
  await expect(client.sendAppImage(app.id, broken)).rejects.toMatchObject({ retryable: true });
  const { archive, digest } = await saveOf();
  await client.sendAppImage(app.id, Readable.from([archive]));
  await client.sendAppImage(app.id, Readable.from([archive]));
  const { body } = await api.call('GET', `/apps/${app.id}`);
  expect(body).toMatchObject({ image: { name: `${app.name}:${app.id.slice(4)}` } });
  const images = (await api.call('GET', '/images')).body.items;
  expect(images.filter((one) => (one as unknown as { digest: string }).digest === digest)).toHaveLength(1);
  expect(await readdir(join(api.dataDir, 'images', 'uploads'))).toEqual([]);
});
