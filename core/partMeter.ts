import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import type { SnapshotPart } from './snapshot.ts';

/** Passes a part of a snapshot or a checkpoint on, and knows its size and digest. It may fail at a chunk that is too much. */
export class PartMeter extends Transform {
  readonly #hash = createHash('sha256');
  readonly #tooMuch: (bytes: number) => Error | null;
  #bytes = 0;

  /** @param tooMuch why so many bytes are too many; @default they never are */
  constructor(tooMuch: (bytes: number) => Error | null = () => null) {
    super();
    this.#tooMuch = tooMuch;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    this.#hash.update(chunk);
    const error = this.#tooMuch(this.#bytes);
    if (error) done(error);
    else done(null, chunk);
  }

  /** Once, when all has passed. */
  part(name: string): SnapshotPart {
    return { name, bytes: this.#bytes, digest: `sha256:${this.#hash.digest('hex')}` };
  }
}
