import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { dropExpiredUploads } from '../../api/images/parts.ts';
import { uploadSchema, type UploadView } from '../../core/api/images.ts';
import { imageUpload } from '../../db/schema/index.ts';
import { type AnswerBody, anyString } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { PROGRAM, tarOf } from './support/tar.ts';
import { register } from './support/people.ts';

const MIB = 2 ** 20;
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('an upload in parts', () => {
  const api = useApi();

  const begin = async (bytes: Buffer, over: object = {}) =>
    api.call('POST', '/images/uploads', {
      name: 'sample',
      bytes: bytes.length,
      digest: digestOf(bytes),
      command: ['/bin/app'],
      ...over,
    });
  const begun = async (bytes: Buffer, over: object = {}): Promise<UploadView> =>
    uploadSchema.parse((await begin(bytes, over)).body);

  async function send(upload: { id: string }, offset: number, part: Buffer) {
    const { secret } = (await api.call('POST', '/tokens', { name: 'x' })).body;
    const answer = await api.app.inject({
      method: 'PATCH',
      url: `/api/v1/images/uploads/${upload.id}`,
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/octet-stream',
        'upload-offset': String(offset),
      },
      payload: part,
    });
    return { status: answer.statusCode, body: answer.json<AnswerBody & { offset: number }>() };
  }

  const show = async ({ id }: { id: string }) => api.call('GET', `/images/uploads/${id}`);
  const finish = async ({ id }: { id: string }) => api.call('POST', `/images/uploads/${id}/finish`);
  const nothingStays = async () => {
    for (const folder of ['uploads', 'parts'])
      expect(await readdir(join(api.dataDir, 'images', folder))).toEqual([]);
  };

  it('takes each part at its place only, tells how far it is, and becomes the image once', async () => {
    const bytes = await tarOf([PROGRAM, { name: 'data', content: Buffer.alloc(100_000, 'x') }]);
    const upload = await begun(bytes);
    expect(upload).toMatchObject({ offset: 0, bytes: bytes.length, image: null });
    expect((await send(upload, 0, bytes.subarray(0, 40_000))).body.offset).toBe(40_000);
    const misplaced = [409, 'offsetMismatch'];
    for (const offset of [0, 39_999, 40_001]) {
      const { status, body } = await send(upload, offset, bytes.subarray(offset));
      expect([status, body.causes[0]?.code], String(offset)).toEqual(misplaced);
    }
    expect(await finish(upload)).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'uploadIncomplete' }] },
    });
    // Begun again, as by somebody who was killed, it is the same one.
    expect(await begun(bytes)).toMatchObject({ id: upload.id, offset: 40_000 });
    const shown = await show(upload);
    expect([shown.status, shown.headers['upload-offset']]).toEqual([200, '40000']);
    const tooMuch = await send(upload, 40_000, Buffer.concat([bytes.subarray(40_000), Buffer.of(0)]));
    expect([tooMuch.status, tooMuch.body.causes[0]?.code]).toEqual([422, 'uploadTooLong']);
    const { offset } = uploadSchema.parse((await show(upload)).body);
    expect((await send(upload, offset, bytes.subarray(offset))).status).toBe(200);
    const made = await finish(upload);
    expect(made).toMatchObject({ status: 201, body: { name: 'sample', info: { command: ['/bin/app'] } } });
    expect((await finish(upload)).body).toEqual(made.body);
    expect((await show(upload)).body).toMatchObject({
      offset: bytes.length,
      image: { id: made.body.id, name: 'sample' },
    });
    await nothingStays();
    expect((await api.call('DELETE', '/images/sample')).status).toBe(204);
    expect((await show(upload)).status).toBe(404);
  });

  it('keeps what has come when the connection is cut in the middle of a part', async () => {
    const bytes = await tarOf([PROGRAM, { name: 'data', content: Buffer.alloc(4 * MIB, 'x') }]);
    const upload = await begun(bytes);
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    const { secret } = (await api.call('POST', '/tokens', { name: 'x' })).body;
    const request = http.request({
      port: (api.app.server.address() as AddressInfo).port,
      method: 'PATCH',
      path: `/api/v1/images/uploads/${upload.id}`,
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/octet-stream',
        'upload-offset': '0',
        'content-length': bytes.length,
      },
    });
    request.on('error', () => undefined);
    request.write(bytes.subarray(0, 2 * MIB));
    await expect
      .poll(async () => uploadSchema.parse((await show(upload)).body).offset, { timeout: 10_000 })
      .toBeGreaterThan(MIB);
    request.destroy();
    await expect
      .poll(async () => (await api.call('GET', '/audit')).body.items.map((entry) => JSON.stringify(entry)))
      .toContainEqual(expect.stringContaining('uploadCut'));
    const { offset } = uploadSchema.parse((await show(upload)).body);
    expect(offset).toBeGreaterThan(MIB);
    expect((await send(upload, offset, bytes.subarray(offset))).status).toBe(200);
    expect((await finish(upload)).status).toBe(201);
  });

  it('refuses a file that is not what was promised, or no image; nothing of it stays', async () => {
    const bytes = await tarOf([PROGRAM]);
    const other = Buffer.from(bytes);
    other[600] = other[600]! ^ 1;
    const wrong = await begun(bytes);
    await send(wrong, 0, other);
    const refused = await finish(wrong);
    expect(refused).toMatchObject({
      status: 422,
      body: { causes: [{ code: 'digestMismatch', message: anyString, mend: anyString }] },
    });
    expect((await show(wrong)).status).toBe(404);
    const text = Buffer.from('no image at all'.repeat(100));
    const none = await begun(text);
    await send(none, 0, text);
    expect(await finish(none)).toMatchObject({ status: 422, body: { causes: [{ code: 'notATar' }] } });
    await nothingStays();
    expect((await api.call('GET', '/images')).body.items).toEqual([]);
    expect(
      (await api.call('GET', '/audit')).body.items.filter((entry) =>
        JSON.stringify(entry).includes('digestMismatch'),
      ),
    ).toHaveLength(1);
  });

  it('can be ended again when its name or its room was taken meanwhile', async () => {
    const [first, second] = [await tarOf([PROGRAM]), await tarOf([PROGRAM, PROGRAM])];
    const uploads = [await begun(first), await begun(second)];
    await send(uploads[0]!, 0, first);
    await send(uploads[1]!, 0, second);
    expect((await finish(uploads[0]!)).status).toBe(201);
    expect(await finish(uploads[1]!)).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'nameTaken' }] },
    });
    await api.call('DELETE', '/images/sample');
    expect((await finish(uploads[1]!)).status).toBe(201);
  });

  it("counts of the tenant's quota from its beginning to its end, once", async () => {
    const { db } = api.context;
    const person = await register(api, 'owner');
    await api.call('PATCH', `/tenants/${person.tenantId}/quota`, { imageBytes: 50_000 });
    const bytes = await tarOf([PROGRAM, { name: 'data', content: Buffer.alloc(30_000, 'x') }]);
    const ask = (name: string) =>
      person.call('POST', '/images/uploads', { name, bytes: bytes.length, digest: digestOf(bytes) });
    const one = uploadSchema.parse((await ask('one')).body);
    const refused = [409, 'quotaExceeded'];
    const code = ({ status, body }: Awaited<ReturnType<typeof ask>>) => [status, body.causes[0]?.code];
    expect(code(await ask('two'))).toEqual(refused);
    expect((await person.call('DELETE', `/images/uploads/${one.id}`)).status).toBe(204);
    const two = uploadSchema.parse((await ask('two')).body);
    await send(two, 0, bytes);
    // Its room is the image's: there need not be room for both.
    expect((await person.call('POST', `/images/uploads/${two.id}/finish`)).status).toBe(201);
    expect(code(await ask('three'))).toEqual(refused);
    await person.call('DELETE', '/images/two');
    const three = uploadSchema.parse((await ask('three')).body);
    await send(three, 0, bytes.subarray(0, 1000));
    await db.update(imageUpload).set({ expiresAt: sql`now() - interval '1 second'` });
    expect((await person.call('GET', `/images/uploads/${three.id}`)).status).toBe(404);
    expect((await ask('four')).status).toBe(201);
    expect(await readdir(join(api.dataDir, 'images', 'parts'))).toEqual([three.id]);
    await dropExpiredUploads(db, api.dataDir);
    await nothingStays();
  });

  it('refuses wrong sizes, digests and names, and an archive that swells', async () => {
    const bytes = await tarOf([PROGRAM]);
    for (const over of [{ bytes: 0 }, { digest: 'sha256:1' }, { digest: digestOf(bytes).slice(7) }])
      expect((await begin(bytes, over)).status, JSON.stringify(over)).toBe(400);
    for (const name of ['a'.repeat(10_000), 'web\u0007', 'web\n', '🚢', 'web🚢', '../web'])
      expect((await begin(bytes, { name })).status, JSON.stringify(name.slice(0, 20))).toBe(400);
    expect(await begin(bytes, { bytes: 65 * MIB })).toMatchObject({
      status: 413,
      body: { causes: [{ code: 'imageTooLarge' }] },
    });
    // 10 GB of zeros in 10 MB: a gzip file may be of many members.
    const zeros = gzipSync(Buffer.alloc(64 * MIB));
    const bomb = Buffer.concat([gzipSync(bytes.subarray(0, 1024)), ...Array<Buffer>(160).fill(zeros)]);
    expect(bomb.length).toBeLessThan(12 * MIB);
    const upload = await begun(bomb);
    await send(upload, 0, bomb);
    expect(await finish(upload)).toMatchObject({
      status: 422,
      body: { causes: [{ code: 'archiveBomb', message: anyString, mend: anyString }] },
    });
    await nothingStays();
  });
});
