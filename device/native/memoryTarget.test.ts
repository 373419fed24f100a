import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { MemorySource } from '../memory/stream/memorySource.ts';
import { findNativePrograms } from '../memory/nativePrograms.ts';
import { Holder } from '../memory/scan/fixtures/holder.ts';
import { ReceivedMemory } from '../memory/scan/fixtures/receivedMemory.ts';
import { mix, PAGE } from '../memory/scan/records.ts';
import { RecordWriter } from '../memory/scan/recordWriter.ts';
import { StoringTarget } from './fixtures/storingTarget.ts';

const isRoot = process.getuid?.() === 0;
const { memoryTarget, memorySource } = await findNativePrograms();
const ADDRESS = 0x7f00_0000_0000;

const used: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of used.splice(0).reverse()) await one.close();
});

async function begin(room: number | null = null): Promise<StoringTarget> {
  const target = await StoringTarget.start(memoryTarget ?? '', room);
  used.push(target);
  return target;
}

/** A stream of records, as `write` writes it. */
function records(write: (writer: RecordWriter) => void): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new RecordWriter((part) => parts.push(part));
  write(writer);
  writer.flush();
  return Buffer.concat(parts);
}

function page(text: string): Buffer {
  return Buffer.alloc(PAGE, text);
}

function pageAt(pages: Buffer, index: number): Buffer {
  return pages.subarray(index * PAGE, (index + 1) * PAGE);
}

/** A record of just a header. */
function header(kind: number, { count = 0, address = 0n } = {}): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(count, 4);
  bytes.writeBigUInt64LE(address, 16);
  return bytes;
}

describe.skipIf(memoryTarget === null)('memory-target', { timeout: 60_000 }, () => {
  test('keeps pages, answers when a round is here, writes images, agrees at the end', async () => {
    const target = await begin();
    target.send(
      records((writer) => {
        for (let index = 0; index < 200; index++)
          writer.place(5, ADDRESS + index * PAGE, index + 1, page(`page ${index}`));
        writer.round(1);
      }),
    );
    expect(await target.answer()).toBe('round 1');
    const sum = Array.from({ length: 200 }, (_, index) => mix(5, ADDRESS + index * PAGE, index + 1));
    target.send(
      records((writer) => {
        writer.place(5, ADDRESS, 2, null);
        writer.place(5, ADDRESS + PAGE, 0, null);
        writer.image('pages-1.img', Uint32Array.of(3, 0, 3, 200));
        const changed = sum.slice(2).reduce((all, one) => all + one, mix(5, ADDRESS, 2));
        writer.final(1, BigInt.asUintN(64, changed));
      }),
    );
    expect([await target.answer(), await target.answer()]).toEqual(['image pages-1.img', 'final']);
    const image = Buffer.concat([page('page 2'), page('\0'), page('page 2'), page('page 199')]);
    expect((await readFile(join(target.directory, 'images/pages-1.img'))).equals(image)).toBe(true);
    expect(pageAt(await target.store(), 100).equals(page('page 99'))).toBe(true);
  });

  test.each<[string, Buffer, string]>([
    ['a record of no kind', header(9), 'badRecord a record that nobody writes'],
    ['a record that is too long', header(1, { count: 513 }), 'badRecord a record that nobody writes'],
    ['an address between two pages', header(2, { address: 5n }), 'badRecord an address that no page has'],
    [
      'an address that no process has',
      header(2, { address: 1n << 60n }),
      'badRecord an address that no page has',
    ],
    ['a slot that never came', records((writer) => writer.place(5, ADDRESS, 7, null)), 'badRecord a slot'],
    [
      'content for the slot of zeros',
      records((writer) => writer.place(5, ADDRESS, 0, page('x'))),
      'badRecord',
    ],
    [
      'an image of a slot that never came',
      records((writer) => writer.image('pages-1.img', Uint32Array.of(4))),
      'badRecord an image names',
    ],
    [
      'an image that would lie elsewhere',
      records((writer) => writer.image('../control', Uint32Array.of(0))),
      'badRecord a bad file name',
    ],
    ['a sum that is another one', records((writer) => writer.final(1, 3n)), 'mapsDiffer'],
    [
      'pages after the last',
      records((writer) => {
        writer.final(0, 0n);
        writer.place(5, ADDRESS, 1, page('late'));
      }),
      'badRecord pages after the last',
    ],
  ])('refuses %s, and closes the stream', async (_what, stream, words) => {
    const target = await begin();
    target.send(stream);
    const answers = [await target.answer(), await target.answer()];
    if (answers[0] === 'final') answers.splice(0, 1, ...answers.splice(1), await target.answer());
    expect(answers[0]).toContain(`error ${words}`);
    expect(answers[1]).toBe(null);
  });

  test('has no room for more than its directory', async ({ skip }) => {
    skip(!isRoot, 'a file system needs root');
    const target = await begin(64 * 1024);
    // No more than a socket holds: what is still to be written when it ends would take its last words along.
    target.send(
      records((writer) => {
        for (let index = 0; index < 32; index++)
          writer.place(5, ADDRESS + index * PAGE, index + 1, page(`page ${index}`));
        writer.round(1);
      }),
    );
    expect(await target.answer()).toMatch(/^error storeFull no room is left/);
  });

  test('says what it does not understand, and goes when it is told to', async () => {
    const target = await begin();
    expect(await target.command('stre')).toBe('error badCommand stre');
    expect(await target.command('serve /nowhere')).toMatch(/^error serveFailed/);
    expect(await target.command('guard /some/file 1')).toBe('ok');
    const gone = target.answer();
    await target.command('discard');
    expect(await gone).toBe(null);
    await expect(access(join(target.directory, 'control'))).rejects.toThrow('ENOENT');
  });

  test.each([
    { name: 'the helper', program: memorySource },
    { name: 'the thread', program: null },
  ])('has the very memory that $name scans', async ({ program }) => {
    const holder = await Holder.start();
    used.push(holder);
    const target = await begin();
    const source = MemorySource.start(program, { cgroupProcs: holder.list, tracker: 'content', watch: '' });
    used.push(source);
    const received = new ReceivedMemory();
    const both = new PassThrough();
    both.on('data', (part: Buffer) => received.take(part));
    void target.take(source.records.pipe(both)).catch(() => undefined);
    const address = await holder.map(2000);
    await holder.does('write', address, 2000);
    await holder.does('churn', address, 500);
    for (const round of [1, 2]) {
      await source.round(round, { threads: 1, bytesPerSecond: null }, () => undefined);
      expect(await target.answer()).toBe(`round ${round}`);
    }
    await holder.freeze();
    await source.final(2);
    source.finish();
    expect(await target.answer(), 'the sums are the same').toBe('final');
    const map = received.maps.get(holder.pid) ?? new Map<number, number>();
    expect(map.size).toBeGreaterThanOrEqual(2000);
    const [store, memory] = [await target.store(), await holder.read(address, 2000)];
    const wrong = Array.from({ length: 2000 }, (_, index) => index).filter((index) => {
      const slot = map.get(address + index * PAGE) ?? 0;
      return !pageAt(store, slot).equals(pageAt(memory, index));
    });
    expect(wrong).toEqual([]);
  });
});
