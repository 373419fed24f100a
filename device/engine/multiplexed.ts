import type { Readable } from 'node:stream';
import { splitTime } from '../../core/logLine.ts';
import type { LogChunk, LoggedChunk } from './types.ts';

const HEADER_BYTES = 8;
/** The engine cuts lines at 16 KiB; of what is longer than this the rest comes as an entry without a time. */
const MOST_ENTRY_BYTES = 64 * 1024;

interface Piece extends LogChunk {
  /** Nothing more of its frame comes. */
  ends: boolean;
}

/**
 * Takes apart what the engine sends for a container without a TTY: frames of one byte stream (1 stdout, 2 stderr), three
 * zeros, u32 length, data. Pieces of a frame are handed on as they come, so nothing is collected.
 */
export class Demultiplexer {
  #header = Buffer.alloc(0);
  #stream: LogChunk['stream'] = 'stdout';
  #left = 0;

  *take(bytes: Buffer): Generator<Piece> {
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
      yield { stream: this.#stream, data, ends: this.#left === 0 };
    }
  }
}

/** The entries of a log, each with its time, until it ends or `signal` aborts. */
export async function* readEntries(stream: Readable, signal: AbortSignal): AsyncGenerator<LoggedChunk> {
  const demultiplexer = new Demultiplexer();
  const end = (): void => void stream.destroy();
  signal.addEventListener('abort', end);
  let pieces: Buffer[] = [];
  let size = 0;
  try {
    if (signal.aborted) return;
    for await (const bytes of stream)
      for (const { stream: from, data, ends } of demultiplexer.take(bytes as Buffer)) {
        pieces.push(data);
        size += data.length;
        if (!ends && size < MOST_ENTRY_BYTES) continue;
        yield { stream: from, ...splitTime(Buffer.concat(pieces)) };
        pieces = [];
        size = 0;
      }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    stream.destroy();
  }
}
