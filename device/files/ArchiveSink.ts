import { Writable } from 'node:stream';
import { MAXIMUM_PIECE_BYTES } from './frames.ts';
import { writeWhileOpen } from './ProcessInput.ts';

/** tar writes whole records, of which the last ends with two blocks of zeros. */
const RECORD_BYTES = 10_240;
const END_BYTES = 1024;

/** What takes the two parts of a stream of frames.ts. */
export interface ArchiveConsumer {
  /** Gets the names to be removed; resolves when it can take more. */
  remove(names: Buffer): Promise<void>;
  /** No more names; resolves when all of those are gone. */
  removed(): Promise<void>;
  /** The error for a stream that is none of ours. */
  refusal(said: string): Error;
  /** tar's input. */
  archive: Writable;
}

/**
 * Takes a stream apart. Unlike a plain pipe it goes on to accept data when tar has ended (tar does not read what follows
 * the end of the archive; and when it failed, its own words are the better error), and it knows whether the archive came
 * to its end: cut off between two files, tar would not notice.
 */
export class ArchiveSink extends Writable {
  bytes = 0;
  readonly #consumer: ArchiveConsumer;
  /** Of the head: bytes not yet handed on. Null once the archive has begun. */
  #head: Buffer | null = Buffer.alloc(0);
  #archiveBytes = 0;
  #tail = Buffer.alloc(0);

  constructor(consumer: ArchiveConsumer) {
    super({ highWaterMark: 256 * 1024 });
    this.#consumer = consumer;
  }

  /** The archive's end has been seen. */
  get whole(): boolean {
    return (
      this.#archiveBytes > 0 &&
      this.#archiveBytes % RECORD_BYTES === 0 &&
      this.#tail.every((byte) => byte === 0)
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.bytes += chunk.length;
    if (this.#head === null) return this.#writeArchive(chunk, done);
    this.#takeHead(Buffer.concat([this.#head, chunk])).then(
      (archive) => (archive ? this.#writeArchive(archive, done) : done()),
      (error: unknown) => done(error as Error),
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#consumer.archive.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // After a proper end Node destroys this stream too, while tar's input still holds data.
    if (!this.writableFinished) this.#consumer.archive.destroy();
    done(error);
  }

  /** The archive's first bytes, or null while the head goes on. */
  async #takeHead(bytes: Buffer): Promise<Buffer | null> {
    let rest = bytes;
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length > MAXIMUM_PIECE_BYTES) throw this.#consumer.refusal('this is no stream of files');
      if (length === 0) {
        this.#head = null;
        await this.#consumer.removed();
        return rest.subarray(4);
      }
      if (rest.length < 4 + length) break;
      await this.#consumer.remove(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
    this.#head = Buffer.from(rest);
    return null;
  }

  #writeArchive(chunk: Buffer, done: () => void): void {
    this.#archiveBytes += chunk.length;
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
    writeWhileOpen(this.#consumer.archive, chunk, done);
  }
}
