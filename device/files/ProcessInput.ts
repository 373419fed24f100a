import { Writable } from 'node:stream';

/**
 * A program's input that goes on to accept data when the program has ended: its own words are the better error than a broken
 * pipe.
 */
export class ProcessInput extends Writable {
  bytes = 0;
  readonly #input: Writable;

  constructor(input: Writable) {
    super({ highWaterMark: 256 * 1024 });
    this.#input = input;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.bytes += chunk.length;
    writeWhileOpen(this.#input, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#input.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // After a proper end Node destroys this stream too, while the program's input still holds data.
    if (!this.writableFinished) this.#input.destroy();
    done(error);
  }
}

/** Calls back when more can be written, or when nobody reads any more. */
export function writeWhileOpen(input: Writable, chunk: Buffer, done: () => void): void {
  if (!input.writable || input.write(chunk)) return done();
  const goOn = (): void => {
    input.off('drain', goOn).off('close', goOn);
    done();
  };
  input.on('drain', goOn).on('close', goOn);
}
