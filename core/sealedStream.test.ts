import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { OpeningStream, SealingStream } from './sealedStream.ts';

const key = randomBytes(32);
const PIECE = 64 * 1024 + 16;
const HEAD = 36;

/** In pieces of another size than the streams' own. */
function* cut(bytes: Buffer, size = 50_000): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const seal = (plain: Buffer, about = 'a') =>
  buffer(Readable.from(cut(plain)).pipe(new SealingStream(key, about)));
const open = (sealed: Buffer, about = 'a', by = key) =>
  buffer(Readable.from(cut(sealed)).pipe(new OpeningStream(by, about)));

describe('a sealed stream', () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000])(
    'of %i bytes is opened again',
    async (size) => {
      const plain = randomBytes(size);
      const sealed = await seal(plain);
      expect((await open(sealed)).equals(plain)).toBe(true);
      if (size > 100) expect(sealed.includes(plain.subarray(0, 32))).toBe(false);
    },
  );

  test('is another each time', async () => {
    const plain = Buffer.alloc(100);
    expect((await seal(plain)).equals(await seal(plain))).toBe(false);
  });

  test.each<[string, (sealed: Buffer) => Buffer]>([
    ['changed', (sealed) => Buffer.from(sealed).fill(sealed[HEAD + 5]! ^ 1, HEAD + 5, HEAD + 6)],
    ['cut off between two pieces', (sealed) => sealed.subarray(0, HEAD + PIECE)],
    ['cut off in a piece', (sealed) => sealed.subarray(0, HEAD + PIECE + 100)],
    [
      'without its first piece',
      (sealed) => Buffer.concat([sealed.subarray(0, HEAD), sealed.subarray(HEAD + PIECE)]),
    ],
    ['longer', (sealed) => Buffer.concat([sealed, Buffer.alloc(20)])],
    ['without its head', (sealed) => sealed.subarray(HEAD)],
    ['empty', () => Buffer.alloc(0)],
  ])('that is %s is refused', async (_what, change) => {
    const sealed = await seal(randomBytes(150_000));
    await expect(open(change(sealed))).rejects.toMatchObject({ cause_: { code: 'sealedDamaged' } });
  });

  test("is not opened as another's, nor by another key", async () => {
    const sealed = await seal(randomBytes(100));
    await expect(open(sealed, 'b')).rejects.toMatchObject({ cause_: { code: 'sealedDamaged' } });
    await expect(open(sealed, 'a', randomBytes(32))).rejects.toThrow();
  });
});
