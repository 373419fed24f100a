import { open, readdir, readFile, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { ImageEntry } from '../../core/linkMessages.ts';

/** Files CRIU only appends to, worth sending while it writes them. */
const GROWING = /^pages-\d+\.img$/;
/** Files that stay on the source: CRIU's figures, our request's leftovers. */
const KEPT = /^(stats-dump|dump\.log)/;
/** Files up to this many bytes share one stream. */
const PACKED_MAX = 256 * 1024;
const PIECE = 512 * 1024;
/** How often growing files are looked at; tmpfs has no cheaper event for an append than this, milliseconds. */
const LOOK_MS = 2;

interface Growing {
  handle: FileHandle;
  stream: Writable;
  offset: number;
  crc: number;
}

/** Sends the images of one dump over the link while CRIU writes them. */
export class ImageSender {
  readonly #directory: string;
  readonly #open: (name: string) => Writable;
  readonly #refer: ((path: string) => Promise<void>) | null;
  readonly #growing = new Map<string, Growing>();
  /** Bytes given to the link so far. */
  sent = 0;

  /**
   * `openStream` opens a stream of that name to the target; the name `packed` is the shared one. `refer` sends a large file
   * of pages by reference to those that the target has already; null: the target keeps none.
   */
  constructor(
    directory: string,
    openStream: (name: string) => Writable,
    refer: ((path: string) => Promise<void>) | null,
  ) {
    this.#directory = directory;
    this.#open = openStream;
    this.#refer = refer;
  }

  /** Follows the growing files until `dumped` settles, then sends the rest. Resolves with the manifest's entries. */
  async run(dumped: Promise<void>): Promise<ImageEntry[]> {
    const dump = { over: false };
    const over = dumped.finally(() => (dump.over = true));
    over.catch(() => undefined);
    try {
      while (!dump.over && this.#refer === null) {
        await this.#follow();
        await Promise.race([over, pause(LOOK_MS)]);
      }
      await over;
      if (this.#refer === null) await this.#follow();
      return await this.#rest();
    } finally {
      for (const { handle } of this.#growing.values()) await handle.close();
    }
  }

  async #follow(): Promise<void> {
    const names = (await readdir(this.#directory)).filter((name) => GROWING.test(name));
    for (const name of names) {
      let file = this.#growing.get(name);
      if (!file) {
        file = {
          handle: await open(join(this.#directory, name), 'r'),
          stream: this.#open(name),
          offset: 0,
          crc: 0,
        };
        this.#growing.set(name, file);
      }
      await this.#sendNew(file);
    }
  }

  async #sendNew(file: Growing): Promise<void> {
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE);
      const { bytesRead } = await file.handle.read(piece, 0, PIECE, file.offset);
      if (bytesRead === 0) return;
      const data = piece.subarray(0, bytesRead);
      file.offset += bytesRead;
      file.crc = crc32(data, file.crc);
      await this.#write(file.stream, data);
    }
  }

  async #rest(): Promise<ImageEntry[]> {
    const entries: ImageEntry[] = [];
    for (const [name, { offset, crc, stream }] of this.#growing) {
      stream.end();
      entries.push({ name, bytes: offset, crc, packed: false, referenced: false });
    }
    const packed: Buffer[] = [];
    const names = (await readdir(this.#directory))
      .filter((name) => !this.#growing.has(name) && !KEPT.test(name))
      .sort();
    for (const name of names) {
      const path = join(this.#directory, name);
      const { size } = await stat(path);
      const small = size <= PACKED_MAX;
      if (!small && this.#refer !== null && GROWING.test(name)) {
        await this.#refer(path);
        entries.push({ name, bytes: size, crc: 0, packed: false, referenced: true });
        continue;
      }
      const content = await readFile(path);
      entries.push({ name, bytes: content.length, crc: crc32(content), packed: small, referenced: false });
      if (small) packed.push(content);
      else await this.#sendWhole(name, content);
    }
    await this.#sendWhole('packed', Buffer.concat(packed));
    return entries;
  }

  async #sendWhole(name: string, content: Buffer): Promise<void> {
    const stream = this.#open(name);
    this.sent += content.length;
    stream.end(content);
    await finished(stream, { readable: false });
  }

  async #write(stream: Writable, data: Buffer): Promise<void> {
    this.sent += data.length;
    if (!stream.write(data)) await Promise.race([once(stream, 'drain'), closed(stream)]);
  }
}

async function closed(stream: Writable): Promise<never> {
  if (!stream.destroyed) await once(stream, 'close');
  throw new Error('the link was cut while images were sent');
}
