import type { Readable } from 'node:stream';
import type { LogChunk } from './types.ts';

const HEADER_BYTES = 8;

/**
 * Takes apart what the engine sends for a container without a TTY: frames of one byte stream (1 stdout, 2 stderr), three
 * zeros, u32 length, data. Pieces of a frame are handed on as they come, so nothing is collected.
 */
export class Demultiplexer {
  #header = Buffer.alloc(0);
  #stream: LogChunk['stream'] = 'stdout';
  #left = 0;

  *take(bytes: Buffer): Generator<LogChunk> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const missing = HEADER_BYTES - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#header.length < HEADER_BYTES) return;
        this.#stream = this.#header[0] === 2 ? 'stderr' : 'stdout';
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
        continue;
      }
      const data = rest.subarray(0, this.#left);
      this.#left -= data.length;
      rest = rest.subarray(data.length);
      yield { stream: this.#stream, data };
    }
  }
}

/** The chunks of a stream until it ends or `signal` aborts. */
export async function* demultiplex(stream: Readable, signal: AbortSignal): AsyncGenerator<LogChunk> {
  const demultiplexer = new Demultiplexer();
  const end = (): void => void stream.destroy();
  signal.addEventListener('abort', end);
  try {
    if (signal.aborted) return;
    for await (const bytes of stream) yield* demultiplexer.take(bytes as Buffer);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    stream.destroy();
  }
}
