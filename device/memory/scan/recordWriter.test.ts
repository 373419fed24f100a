import { expect, test } from 'vitest';
import { ReceivedMemory } from './fixtures/receivedMemory.ts';
import { mix, PAGE } from './records.ts';
import { RecordWriter } from './recordWriter.ts';

function page(seed: number): Uint8Array {
  return new Uint8Array(PAGE).fill((seed % 255) + 1);
}

test('what is written is read again, in parts of any size', () => {
  const parts: Uint8Array[] = [];
  const writer = new RecordWriter((part) => parts.push(part));
  for (let index = 0; index < 1000; index++) writer.place(9, 0x1000 * index, index + 1, page(index));
  writer.place(9, 0x5000, 1, null);
  writer.place(9, 0x6000, 0, null);
  writer.place(0, 0, 2000, page(77));
  writer.place(0, 0, 3, null);
  writer.image('pages-7.img', Uint32Array.of(1, 2000, 0));
  writer.round(12);
  let sum = mix(9, 0x5000, 1);
  for (let index = 0; index < 1000; index++)
    if (index !== 5 && index !== 6) sum += mix(9, 0x1000 * index, index + 1);
  writer.final(1, BigInt.asUintN(64, sum));
  const received = new ReceivedMemory();
  const stream = Buffer.concat(parts);
  for (let at = 0; at < stream.length; at += 50_001) received.take(stream.subarray(at, at + 50_001));
  expect(parts.every(({ length }) => length <= 256 * 1024)).toBe(true);
  expect(received.final).toEqual({ processes: 1, sum: BigInt.asUintN(64, sum) });
  expect(received.rounds).toEqual([12]);
  expect(received.page(9, 0x7000)?.equals(page(7))).toBe(true);
  expect(received.page(9, 0x5000)?.equals(page(0))).toBe(true);
  expect(received.page(9, 0x6000)).toBe(null);
  expect(received.image('pages-7.img').equals(Buffer.concat([page(0), page(77), Buffer.alloc(PAGE)]))).toBe(
    true,
  );
});

test('the sum is the one that the native helpers make', () => {
  // Of records.h's mix, compiled.
  expect(mix(7, 0x7f12_3456_7000, 42)).toBe(0xff4cf0fe972bba7fn);
  expect(mix(4_194_304, 0x1ff_ffff_ffff_f000, 268_435_455)).toBe(0x2c05e19ef4007b26n);
  expect(mix(7, 0x7f12_3456_7000, 0)).toBe(0n);
});
