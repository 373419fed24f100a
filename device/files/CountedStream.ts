import { PassThrough, type TransformCallback } from 'node:stream';

/** Passes data on and knows how much it was. */
export class CountedStream extends PassThrough {
  bytes = 0;

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    super._transform(chunk, encoding, done);
  }
}
