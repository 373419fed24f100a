import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openAuthority, type Authority } from '../../api/pki/authority.ts';
import { newCertificateRequest } from '../../device/control/identityStore.ts';
import { identityText, type Identity } from '../../device/link/identity.ts';
import { findNativePrograms } from '../../device/memory/nativePrograms.ts';
import { PageListener } from '../../device/memory/pageListener.ts';
import { PageStore } from '../../device/memory/pageStore.ts';
import { Holder } from '../../device/memory/scan/fixtures/holder.ts';
import { MemorySource } from '../../device/memory/stream/memorySource.ts';
import { LIFE_SECONDS } from './support/tls.ts';

const { memoryTarget, memorySource } = await findNativePrograms();
const PAGES = 4000;
/** Of several hundred frames. */
const MANY_PAGES = 50_000;
/** Bytes of a full frame (device/native/src/frameSender.h). */
const FRAME = 512 * 1024;
const [SOURCE, TARGET] = ['dev_000000000001', 'dev_000000000002'];
const TOKEN = 'an-arrival';

const SENDERS = [
  { name: 'the helper', program: memorySource },
  { name: 'the thread', program: null },
];

describe.skipIf(memoryTarget === null)('memory over the link', { timeout: 60_000 }, () => {
  const undo: (() => Promise<unknown> | void)[] = [];
  let folder: string;
  let ours: Authority;
  let theirs: Authority;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drayage-authorities-'));
    [ours, theirs] = await Promise.all([openAuthority(join(folder, 'a')), openAuthority(join(folder, 'b'))]);
  });
  afterAll(() => rm(folder, { recursive: true }));
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  /** A target that expects SOURCE, and a source that is to send a holder's memory. */
  async function scene(program: string | null) {
    const directory = await mkdtemp(join(tmpdir(), 'drayage-store-'));
    undo.push(() => rm(directory, { recursive: true, force: true }));
    const holder = await Holder.start();
    undo.push(() => holder.close());
    const store = new PageStore(join(directory, 'm', 'c'), 'eager');
    await store.prepare();
    undo.push(() => store.discard());
    const listener = new PageListener();
    await listener.listen('127.0.0.1', 0);
    undo.push(() => listener.close());
    const target = await identity(ours, TARGET);
    listener.expect(TOKEN, (socket) =>
      store.start(memoryTarget ?? '', socket, { peer: SOURCE, identity: target }),
    );
    const source = MemorySource.start(program, { cgroupProcs: holder.list, tracker: 'content', watch: '' });
    undo.push(() => source.close());
    const peer = { id: TARGET, linkAddress: `127.0.0.1:${listener.port}` };
    return { directory, holder, store, source, peer, port: listener.port };
  }

  test.each(SENDERS)('$name sends what the target then has, and an image of it', async ({ program }) => {
    const { directory, holder, store, source, peer } = await scene(program);
    await source.connect({
      identity: await identity(ours, SOURCE),
      ...{ peer, token: TOKEN, limitBytesPerSecond: null },
    });
    await store.placeImagesIn(directory);
    const address = await holder.map(PAGES);
    await holder.does('write', address, PAGES);
    const round = source.answer('round 1');
    await source.round(1, { threads: 1, bytesPerSecond: null }, () => undefined);
    await round;
    await holder.does('write', address, 100, 77_000);
    await holder.freeze();
    const pass = source.final(2);
    const image = join(dirname(holder.list), 'pages-1.img');
    await writeFile(image, await holder.read(address, PAGES));
    await source.image(image);
    await pass;
    const final = source.answer('final');
    source.finish();
    await final;
    await store.complete;
    await store.image('pages-1.img');
    const [sent, made] = await Promise.all([readFile(image), readFile(join(directory, 'pages-1.img'))]);
    expect(made.equals(sent)).toBe(true);
    expect(source.wireBytes).toBeGreaterThan(0);
  });

  test('the helper hears in the middle of a round that compressing does not pay', async () => {
    const { holder, port } = await scene(memorySource);
    await holder.does('write', await holder.map(MANY_PAGES), MANY_PAGES);
    const helper = spawn(memorySource ?? '', [holder.list, 'content'], { stdio: ['pipe', 'ignore', 'pipe'] });
    undo.push(async () => {
      const ended = once(helper, 'close');
      helper.kill('SIGKILL');
      await ended;
    });
    const { sizes, pem } = identityText(await identity(ours, SOURCE));
    helper.stdin.write(`connect 127.0.0.1 ${port} ${TOKEN} ${TARGET} 0 ${sizes.join(' ')}\n${pem}`);
    helper.stdin.write('round 1 1 0\n');
    let tried = 0;
    for await (const line of createInterface(helper.stderr)) {
      expect(line).not.toContain('error');
      if (line.startsWith('{"done"')) break;
      if (!line.startsWith(`{"tried":{"bytes":${FRAME},`)) continue;
      tried++;
      helper.stdin.write('compress 0\n');
    }
    expect(tried).toBeGreaterThan(0);
    expect(tried).toBeLessThan((MANY_PAGES * 4096) / FRAME / 2);
  });

  test.each(SENDERS)('$name is refused with a certificate of another authority', async ({ program }) => {
    const { source, peer } = await scene(program);
    const destination = { identity: await identity(theirs, SOURCE), peer, token: TOKEN };
    await expect(source.connect({ ...destination, limitBytesPerSecond: null })).rejects.toMatchObject({
      cause_: { code: 'linkLost' },
    });
  });

  test.each(SENDERS)('$name is refused when it is not who is expected', async ({ program }) => {
    const { source, peer } = await scene(program);
    const destination = { identity: await identity(ours, 'dev_000000000009'), peer, token: TOKEN };
    await source.connect({ ...destination, limitBytesPerSecond: null }).catch(() => undefined);
    await expect(source.answer('round 1')).rejects.toMatchObject({ cause_: { code: 'linkLost' } });
  });

  test.each(SENDERS)('$name sends nothing to a target that is another', async ({ program }) => {
    const { source, peer } = await scene(program);
    const destination = { identity: await identity(ours, SOURCE), token: TOKEN, limitBytesPerSecond: null };
    await expect(
      source.connect({ ...destination, peer: { ...peer, id: 'dev_000000000009' } }),
    ).rejects.toMatchObject({ cause_: { code: 'linkLost' } });
    expect(source.wireBytes).toBe(0);
  });

  test.each(SENDERS)('$name is refused with a token that nobody gave', async ({ program }) => {
    const { source, peer } = await scene(program);
    const destination = { identity: await identity(ours, SOURCE), peer, limitBytesPerSecond: null };
    await expect(source.connect({ ...destination, token: 'another' })).rejects.toMatchObject({
      cause_: { code: 'linkLost' },
    });
  });
});

async function identity(authority: Authority, deviceId: string): Promise<Identity> {
  const { key, csr } = await newCertificateRequest('anything');
  const { certificate } = await authority.signRequest(csr, deviceId, LIFE_SECONDS);
  return { deviceId, key, certificate, ca: authority.certificate };
}
