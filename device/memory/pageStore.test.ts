import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { duplexPair } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { FrameSender } from './pageFrames.ts';
import { MemorySource } from './memorySource.ts';
import { findNativePrograms } from './nativePrograms.ts';
import { PageStore } from './pageStore.ts';
import { Holder } from './scan/fixtures/holder.ts';

const { memoryTarget, memorySource } = await findNativePrograms();
const PAGES = 4000;

describe.skipIf(memoryTarget === null)('a page store', { timeout: 60_000 }, () => {
  const undo: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  test.each([
    { name: 'the helper', program: memorySource },
    { name: 'the thread', program: null },
  ])('has the memory that $name scans, sent in frames, and makes an image of it', async ({ program }) => {
    const directory = await mkdtemp(join(tmpdir(), 'drayage-store-'));
    undo.push(() => rm(directory, { recursive: true }));
    const holder = await Holder.start();
    undo.push(() => holder.close());
    const store = new PageStore(join(directory, 'm', 'c'), 'eager');
    await store.start(memoryTarget ?? '');
    undo.push(() => store.discard());
    const source = MemorySource.start(program, holder.list, 'content');
    undo.push(() => source.close());
    const [near, far] = duplexPair();
    const sender = new FrameSender(near, { limitBytesPerSecond: null });
    sender.run(source.records).catch(() => undefined);
    store.receive(far).catch(() => undefined);

    const address = await holder.map(PAGES);
    await holder.does('write', address, PAGES);
    await source.round(1, 1, () => undefined);
    await holder.does('write', address, 100, 77_000);
    await holder.freeze();
    const pass = source.final(1);
    const image = join(dirname(holder.list), 'pages-1.img');
    await writeFile(image, await holder.read(address, PAGES));
    await source.image(image);
    await pass;
    source.finish();
    await store.complete;
    await store.placeImage('pages-1.img', directory);
    const [sent, made] = await Promise.all([readFile(image), readFile(join(directory, 'pages-1.img'))]);
    expect(made.equals(sent)).toBe(true);
  });
});
