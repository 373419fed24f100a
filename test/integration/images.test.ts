import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { receiveImage } from '../../api/images/receive.ts';
import { type AnswerBody, anyString } from './support/answer.ts';
import { bufferMeter } from './support/bufferMeter.ts';
import { useApi } from './support/api.ts';
import { makeCompute, makeDevice } from './support/fixtures.ts';
import { PROGRAM, saveOf, sha256, tarOf } from './support/tar.ts';

const api = useApi();

async function upload(body: Buffer, query = 'name=sample') {
  const token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
  const answer = await api.app.inject({
    method: 'POST',
    url: `/api/v1/images?${query}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-tar' },
    payload: body,
  });
  return { status: answer.statusCode, body: answer.json<AnswerBody>() };
}

/** The archive with another type of its first member. */
function typed(archive: Buffer, type: string): Buffer {
  const changed = Buffer.from(archive);
  changed.write(type, 156, 'latin1');
  changed.write('        ', 148, 'latin1');
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return changed;
}

const stored = async () => ({
  archives: (await readdir(join(api.dataDir, 'images'))).filter((name) => name.endsWith('.tar')),
  uploads: await readdir(join(api.dataDir, 'images', 'uploads')),
});

async function membersOf(archive: Buffer): Promise<Map<string, Buffer>> {
  const members = new Map<string, Buffer>();
  const tar = extract();
  tar.end(archive);
  for await (const entry of tar) members.set(entry.header.name, await buffer(entry));
  return members;
}

describe('importing an image', () => {
  it('keeps a docker save archive as it is; its digest is that of its configuration', async () => {
    const { archive, digest } = await saveOf();
    const answer = await upload(archive);
    expect(answer).toMatchObject({
      status: 201,
      body: {
        name: 'sample',
        digest,
        bytes: archive.length,
        info: { source: 'dockerSave', command: ['/bin/app'], layers: 1 },
      },
    });
    expect(await stored()).toEqual({ archives: [`${digest.slice(7)}.tar`], uploads: [] });
    expect((await readFile(join(api.dataDir, 'images', `${digest.slice(7)}.tar`))).equals(archive)).toBe(
      true,
    );
  });

  it('takes layers that are links, as old versions of Docker save them', async () => {
    const { archive } = await saveOf(({ config, manifest, members }) => {
      const { diff_ids: ids } = config['rootfs'] as { diff_ids: string[] };
      ids.push(ids[0]!);
      (manifest[0]!['Layers'] as string[]).push('second/layer.tar');
      members.push({ name: 'second/layer.tar', type: 'symlink', linkname: '../blobs/sha256/layer' });
    });
    expect((await upload(archive)).status).toBe(201);
  });

  it('makes the same docker save archive of a root file system every time', async () => {
    const root = await tarOf([
      { name: './', type: 'directory' },
      PROGRAM,
      { name: 'bin/sh', type: 'symlink', linkname: '/bin/app' },
      { name: 'dev/null', type: 'character-device' },
    ]);
    const query = (name: string) => `name=${name}&cmd=/bin/app&cmd=--fast&env=A%3Db&workdir=/srv`;
    const first = await upload(root, query('one'));
    const second = await upload(gzipSync(root), query('two'));
    const other = await upload(root, 'name=three&cmd=/bin/app');
    expect(first).toMatchObject({
      status: 201,
      body: {
        info: {
          source: 'rootFileSystem',
          command: ['/bin/app', '--fast'],
          env: ['A=b'],
          workingDir: '/srv',
          architecture: 'amd64',
          layers: 1,
        },
      },
    });
    expect(second.body.digest).toBe(first.body.digest);
    expect(other.body.digest).not.toBe(first.body.digest);
    expect((await stored()).archives).toHaveLength(2);
    const digest = first.body.digest;
    const members = await membersOf(await readFile(join(api.dataDir, 'images', `${digest.slice(7)}.tar`)));
    const [manifest] = JSON.parse(members.get('manifest.json')!.toString()) as {
      Config: string;
      Layers: string[];
    }[];
    const config = members.get(manifest!.Config)!;
    expect(`sha256:${sha256(config)}`).toBe(digest);
    expect(members.get(manifest!.Layers[0]!)!.equals(root)).toBe(true);
    expect((JSON.parse(config.toString()) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids).toEqual([
      `sha256:${sha256(root)}`,
    ]);
  });

  it('finds the architecture in the first program', async () => {
    const elf = Buffer.alloc(64);
    elf.write('\x7fELF', 'latin1');
    elf[5] = 1;
    elf.writeUInt16LE(0xb7, 18);
    expect(
      (await upload(await tarOf([{ name: 'app', content: elf, mode: 0o755 }]), 'name=a&cmd=/app')).body.info
        .architecture,
    ).toBe('arm64');
  });

  const bad: [string, () => Promise<Buffer>, string][] = [
    ['nothing', async () => Buffer.alloc(0), 'notATar'],
    ['text', async () => Buffer.from('hello '.repeat(500)), 'notATar'],
    ['a few bytes', async () => Buffer.from('x'), 'notATar'],
    ['zeros', async () => Buffer.alloc(10_240), 'noImage'],
    ['files that nobody can run', () => tarOf([{ name: 'README', content: 'hi' }]), 'noImage'],
    [
      'a root that is cut off in a file',
      async () => (await tarOf([{ ...PROGRAM, content: 'x'.repeat(5000) }])).subarray(0, 3000),
      'truncated',
    ],
    [
      'a root that is cut off between files',
      async () => (await tarOf([PROGRAM, PROGRAM])).subarray(0, 1024),
      'truncated',
    ],
    ['a save that is cut off', async () => (await saveOf()).archive.subarray(0, 2048), 'truncated'],
    ['a gzip that is cut off', async () => gzipSync((await saveOf()).archive).subarray(0, 200), 'truncated'],
    [
      'a gzip that is damaged',
      async () => Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(100, 7)]),
      'damagedImage',
    ],
    ['a file with ../', () => tarOf([PROGRAM, { name: '../escape', content: 'x' }]), 'unsafePath'],
    [
      'a file with ../ inside',
      () => tarOf([PROGRAM, { name: 'a/../../escape', content: 'x' }]),
      'unsafePath',
    ],
    ['an absolute file', () => tarOf([PROGRAM, { name: '/etc/passwd', content: 'x' }]), 'unsafePath'],
    [
      'a symbolic link out',
      () => tarOf([PROGRAM, { name: 'a/link', type: 'symlink', linkname: '../../etc' }]),
      'unsafePath',
    ],
    [
      'a hard link out',
      () => tarOf([PROGRAM, { name: 'link', type: 'link', linkname: '../etc/passwd' }]),
      'unsafePath',
    ],
    [
      'an absolute hard link',
      () => tarOf([PROGRAM, { name: 'link', type: 'link', linkname: '/etc/passwd' }]),
      'unsafePath',
    ],
    [
      'a name of 10,000 characters',
      () => tarOf([PROGRAM, { name: 'x'.repeat(10_000), content: 'x' }]),
      'unsafePath',
    ],
    [
      'a path of 10,000 characters',
      () => tarOf([PROGRAM, { name: 'x/'.repeat(5_000) + 'x', content: 'x' }]),
      'unsafePath',
    ],
    [
      'a file with holes',
      () => tarOf([PROGRAM, { name: 'holes', content: 'x', pax: { 'GNU.sparse.realsize': '10000000000' } }]),
      'unsafePath',
    ],
    ['a file of a type that nobody knows', async () => typed(await tarOf([PROGRAM]), 'S'), 'unsafePath'],
    [
      'zeros that were compressed to a thousandth',
      async () => gzipSync(await tarOf([PROGRAM, { name: 'zeros', content: Buffer.alloc(40 * 2 ** 20) }])),
      'archiveBomb',
    ],
    [
      'a layer with ../',
      async () => {
        const layer = await tarOf([PROGRAM, { name: '../../escape', content: 'x' }]);
        return (
          await saveOf(({ config, members }) => {
            (config['rootfs'] as { diff_ids: string[] }).diff_ids = [`sha256:${sha256(layer)}`];
            members[0]!.content = layer;
          })
        ).archive;
      },
      'unsafePath',
    ],
    [
      'a save with a link out',
      async () =>
        (await saveOf(({ members }) => members.push({ name: 'x', type: 'symlink', linkname: '/etc/shadow' })))
          .archive,
      'unsafePath',
    ],
    [
      'a save with a device',
      async () =>
        (await saveOf(({ members }) => members.push({ name: 'x', type: 'character-device' }))).archive,
      'unsafePath',
    ],
    [
      'a save without its layer',
      async () => (await saveOf(({ members }) => members.splice(0))).archive,
      'damagedImage',
    ],
    [
      'a save with another layer',
      async () => (await saveOf(({ members }) => (members[0]!.content = 'other'))).archive,
      'damagedImage',
    ],
    [
      'a save without its configuration',
      async () => (await saveOf(({ manifest }) => (manifest[0]!['Config'] = 'nosuch.json'))).archive,
      'damagedImage',
    ],
    [
      'a save with too few layers',
      async () => (await saveOf(({ config }) => (config['rootfs'] = { diff_ids: [] }))).archive,
      'damagedImage',
    ],
    [
      'a save of two images',
      async () => (await saveOf(({ manifest }) => manifest.push({ ...manifest[0]! }))).archive,
      'severalImages',
    ],
    ['a save of none', async () => (await saveOf(({ manifest }) => manifest.splice(0))).archive, 'noImage'],
    [
      'a manifest that is none',
      () => tarOf([PROGRAM, { name: 'manifest.json', content: '{"a":' }]),
      'damagedImage',
    ],
  ];
  it.each(bad)('refuses %s, leaves nothing behind and writes it down', async (_name, make, code) => {
    const answer = await upload(await make());
    expect(answer).toMatchObject({
      status: 422,
      body: { status: 422, causes: [{ code, message: anyString, mend: anyString }] },
    });
    expect(await stored()).toEqual({ archives: [], uploads: [] });
    expect((await api.call('GET', '/images')).body.items).toEqual([]);
    expect(JSON.stringify((await api.call('GET', '/audit')).body.items)).toContain(`"${code}"`);
  });

  it('refuses what is too large, wrongly named, of another type, or named like another image', async () => {
    expect(await upload(await tarOf([{ ...PROGRAM, content: Buffer.alloc(65 * 2 ** 20) }]))).toMatchObject({
      status: 413,
      body: { causes: [{ code: 'imageTooLarge' }] },
    });
    const { archive } = await saveOf();
    for (const name of ['', 'Upper', '../x', 'a b'])
      expect((await upload(archive, `name=${encodeURIComponent(name)}`)).status, name).toBe(400);
    expect((await api.call('POST', '/images?name=x', { json: true })).status).toBe(415);
    expect((await upload(archive)).status).toBe(201);
    expect((await upload(archive)).status).toBe(201);
    expect(await upload(await tarOf([PROGRAM]))).toMatchObject({
      status: 409,
      body: { causes: [{ code: 'nameTaken' }] },
    });
    expect((await stored()).uploads).toEqual([]);
    expect((await stored()).archives).toHaveLength(1);
  });

  it('receives many at the same moment, and removes an archive with its last name', async () => {
    const { archive } = await saveOf();
    const names = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(names.map((name) => upload(archive, `name=${name}`)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    for (const [index, name] of names.entries()) {
      expect((await stored()).archives).toHaveLength(1);
      expect((await api.call('DELETE', `/images/${name}`)).status).toBe(204);
      expect((await stored()).archives).toHaveLength(index === 3 ? 0 : 1);
    }
  });

  it('does not grow with the archive', async () => {
    const tar = pack();
    const piece = Buffer.alloc(2 ** 20, 'x');
    const count = 256;
    const used = bufferMeter();
    const before = used();
    let peak = 0;
    const filling = (async () => {
      tar.entry({ name: 'bin/app', mode: 0o755, size: 2 }, Buffer.from('hi'));
      for (let index = 0; index < count; index += 1) {
        await new Promise<void>((done) => {
          tar.entry({ name: `f${index}`, size: piece.length }, piece, () => done());
        });
        if (index % 16 === 15) peak = Math.max(peak, used());
      }
      tar.finalize();
    })();
    const options = { command: ['/bin/app'], entrypoint: [], env: [], workingDir: '' };
    const body = Readable.from(tar as AsyncIterable<Buffer>, { objectMode: false });
    const received = await receiveImage(api.dataDir, body, options, 2 ** 30);
    await filling;
    expect(received.bytes).toBeGreaterThan(count * piece.length);
    expect(peak).toBeGreaterThan(0);
    expect(peak - before).toBeLessThan(32 * piece.length);
    await received.discard();
    expect(await stored()).toEqual({ archives: [], uploads: [] });
  });

  it('is needed with a command, of its own or of the compute', async () => {
    await makeDevice(api.context.db);
    await upload(await tarOf([PROGRAM]), 'name=bare');
    const refused = await api.call('POST', '/computes', { name: 'web', image: 'bare' });
    expect([refused.status, refused.body.causes[0]?.code]).toEqual([422, 'noCommand']);
    expect(
      (await api.call('POST', '/computes', { name: 'web', image: 'bare', command: ['/bin/app'] })).status,
    ).toBe(202);
    await makeCompute(api.context.db);
  });
});
