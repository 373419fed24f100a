import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { crc32 } from 'node:zlib';
import { DrayageError } from '../../core/cause.ts';
import { imageNameSchema, type ImageEntry } from '../../core/linkMessages.ts';

interface Arrived {
  bytes: number;
  crc: number;
}

/** Receives the images of one dump into a directory, as they come. */
export class ImageReceiver {
  readonly #directory: string;
  readonly #files = new Map<string, Promise<Arrived>>();
  #packed: Promise<Buffer> | null = null;
  #arrived: { name: string; wake: () => void }[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes one stream. @throws when the name is no file name or comes twice */
  receive(name: string, stream: Readable): Promise<void> {
    imageNameSchema.parse(name);
    if (name === 'packed') {
      this.#packed = collect(stream);
      this.#packed.catch(() => undefined);
    } else {
      if (this.#files.has(name)) throw new Error(`image ${name} came twice`);
      const file = this.#store(name, stream);
      file.catch(() => undefined);
      this.#files.set(name, file);
    }
    for (const waiting of this.#arrived.filter((item) => item.name === name)) waiting.wake();
    return (
      (name === 'packed' ? this.#packed : this.#files.get(name))?.then(() => undefined) ?? Promise.resolve()
    );
  }

  /**
   * Completes the directory from the manifest; `referenced` waits for a file that another puts there.
   * @throws DrayageError when anything is missing, short or damaged
   */
  async complete(entries: ImageEntry[], referenced: (name: string) => Promise<void>): Promise<void> {
    if (!this.#packed) await this.#arrival('packed');
    const packed = (await this.#packed) ?? Buffer.alloc(0);
    let offset = 0;
    const writes: Promise<void>[] = [];
    for (const entry of entries) {
      if (entry.referenced) {
        await referenced(entry.name);
        continue;
      }
      if (!entry.packed) {
        if (!this.#files.has(entry.name)) await this.#arrival(entry.name);
        verify(entry, await this.#files.get(entry.name));
        continue;
      }
      const content = packed.subarray(offset, offset + entry.bytes);
      offset += entry.bytes;
      verify(entry, { bytes: content.length, crc: crc32(content) });
      writes.push(writeFile(join(this.#directory, entry.name), content, { mode: 0o600 }));
    }
    await Promise.all(writes);
  }

  /** Streams of one connection may be dispatched in another order than the manifest. */
  #arrival(name: string): Promise<void> {
    return new Promise((wake) => this.#arrived.push({ name, wake }));
  }

  async #store(name: string, stream: Readable): Promise<Arrived> {
    const arrived = { bytes: 0, crc: 0 };
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        arrived.bytes += chunk.length;
        arrived.crc = crc32(chunk, arrived.crc);
        callback(null, chunk);
      },
    });
    await pipeline(stream, measure, createWriteStream(join(this.#directory, name), { mode: 0o600 }));
    return arrived;
  }
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function verify(entry: ImageEntry, arrived: Arrived | undefined): void {
  if (arrived && arrived.bytes === entry.bytes && arrived.crc === entry.crc) return;
  throw new DrayageError({
    code: 'imageDamaged',
    message: `The image file ${entry.name} arrived damaged: ${arrived?.bytes ?? 0} of ${entry.bytes} bytes, or a wrong check sum.`,
    mend: 'The compute runs on where it was; try again, and check the memory and network of both devices if it comes back.',
  });
}
