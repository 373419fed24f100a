import type { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import { Transform, type Readable, type Writable } from 'node:stream';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { setTimeout as pause } from 'node:timers/promises';
import { releaseBuffers } from './bufferPressure.ts';
import { WakeUp } from '../ownership/wakeUp.ts';
import { decideCompression } from '../../core/decideCompression.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** A frame on the link: u8 kind (0 plain, 1 zstd), u32 bytes that follow, u32 bytes they hold; little-endian. */
const HEADER = 9;
const PLAIN = 0;
const ZSTD = 1;
/** Content of one frame, bytes: enough for zstd to find what repeats, little enough to hold a few in memory. */
const FRAME_MAX = 512 * 1024;
/** A frame that no sender makes; protects the receiver's memory. */
const ACCEPT_MAX = 4 * 1024 * 1024;
/** Frames that tell how fast the link is: 8 MB of them. */
const MEASURED_FRAMES = 16;
/** After this many plain frames it is tried again whether compressing pays. */
const TRY_AGAIN_FRAMES = 32;

export interface FrameOptions {
  /** Most bytes a second on the wire; null: as much as the link carries. */
  limitBytesPerSecond: number | null;
}

/** Sends a stream of records in frames: compressed where that pays, not faster than allowed, at the link's pace. */
export class FrameSender {
  readonly #out: Writable;
  readonly #drained: WakeUp;
  readonly #limit: number | null;
  #plainFrames = 0;
  #compressing = true;
  #level = 1;
  #allowedAt = 0;
  /** Bytes given to the link. */
  wireBytes = 0;
  /** In the freeze every millisecond counts, before the freeze every byte. */
  hurry = false;
  /** What the link carried lately while it was the slowest part, bytes a second; null when it was not. */
  #linkBytesPerSecond: number | null = null;
  #window = { from: 0, bytes: 0, waitedMs: 0, frames: 0 };

  constructor(out: Writable, { limitBytesPerSecond }: FrameOptions) {
    this.#out = out;
    this.#drained = wakeOn(out, ['drain', 'close', 'error']);
    this.#limit = limitBytesPerSecond;
  }

  /** Until the source ends or the link is cut. */
  async run(source: Readable): Promise<void> {
    const changed = wakeOn(source, ['readable', 'end', 'close', 'error']);
    for (;;) {
      const more = changed.next();
      const piece = takePiece(source);
      if (piece !== null) await this.#send(piece);
      else if (source.readableEnded || source.destroyed) return;
      else await more;
    }
  }

  async #send(content: Buffer): Promise<void> {
    const [kind, body] = await this.#encode(content);
    const header = Buffer.alloc(HEADER);
    header.writeUInt8(kind, 0);
    header.writeUInt32LE(body.length, 1);
    header.writeUInt32LE(content.length, 5);
    await this.#waitForTurn(HEADER + body.length);
    if (this.#out.destroyed) throw linkCut();
    this.wireBytes += HEADER + body.length;
    this.#out.write(header);
    const from = performance.now();
    const drained = this.#drained.next();
    if (!this.#out.write(body)) await drained;
    if (this.#out.destroyed) throw linkCut();
    this.#measure(from, HEADER + body.length);
    if (!this.hurry) releaseBuffers(2 * content.length);
  }

  /** Over some frames: a link that was waited for most of the time carried what was sent in that time. */
  #measure(waitedFrom: number, bytes: number): void {
    const now = performance.now();
    const window = this.#window;
    if (window.frames === 0) window.from = waitedFrom;
    window.frames += 1;
    window.bytes += bytes;
    window.waitedMs += now - waitedFrom;
    if (window.frames < MEASURED_FRAMES) return;
    const ms = now - window.from;
    this.#linkBytesPerSecond = window.waitedMs > ms / 2 ? (window.bytes / ms) * 1000 : null;
    this.#window = { from: 0, bytes: 0, waitedMs: 0, frames: 0 };
  }

  async #encode(content: Buffer): Promise<[number, Buffer]> {
    if (!this.#compressing && ++this.#plainFrames < TRY_AGAIN_FRAMES) return [PLAIN, content];
    this.#plainFrames = 0;
    const from = performance.now();
    const body = await compress(content, {
      params: { [constants.ZSTD_c_compressionLevel]: this.#level },
    });
    const seconds = Math.max(0.000_05, (performance.now() - from) / 1000);
    const decision = decideCompression({
      ratio: body.length / content.length,
      compressBytesPerSecond: content.length / seconds,
      linkBytesPerSecond: this.#limit ?? this.#linkBytesPerSecond,
      hurry: this.hurry,
    });
    this.#compressing = decision.action === 'compress';
    this.#level = decision.level;
    return body.length < content.length ? [ZSTD, body] : [PLAIN, content];
  }

  /** A bucket of 50 ms: the link is shared evenly, not in bursts. */
  async #waitForTurn(bytes: number): Promise<void> {
    if (this.#limit === null) return;
    const now = performance.now();
    const wait = this.#allowedAt - now;
    if (wait > 50) await pause(wait - 50);
    this.#allowedAt = Math.max(this.#allowedAt, now - 50) + (bytes / this.#limit) * 1000;
  }
}

function takePiece(source: Readable): Buffer | null {
  const parts: Buffer[] = [];
  let bytes = 0;
  while (bytes < FRAME_MAX) {
    const part = source.read() as Buffer | null;
    if (part === null) break;
    parts.push(part);
    bytes += part.length;
  }
  if (parts.length === 0) return null;
  return parts.length === 1 ? (parts[0] ?? null) : Buffer.concat(parts);
}

/** Listeners for the stream's whole life: one more for each wait would pile up. */
function wakeOn(stream: EventEmitter, events: string[]): WakeUp {
  const wakeUp = new WakeUp();
  for (const event of events) stream.on(event, () => wakeUp.wake());
  return wakeUp;
}

function linkCut(): Error {
  return new Error('the link was cut while memory was sent');
}

/** The receiving end: frames in, records out. @throws (as stream error) on a frame that no sender makes */
export function createFrameReader(): Transform {
  const parts: Buffer[] = [];
  let held = 0;
  // Joined only when a whole frame is there: joining at every part would copy each byte many times.
  let needed = HEADER;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      parts.push(chunk);
      held += chunk.length;
      if (held < needed) {
        done();
        return;
      }
      const data = parts.length === 1 ? chunk : Buffer.concat(parts);
      takeFrames(data, (record) => this.push(record)).then(
        ({ rest, next }) => {
          parts.splice(0, parts.length, rest);
          [held, needed] = [rest.length, next];
          done();
        },
        (error: Error) => done(error),
      );
    },
  });
}

/** Takes all whole frames; what is left, and how many bytes the next one has. */
async function takeFrames(
  data: Buffer,
  push: (record: Buffer) => void,
): Promise<{ rest: Buffer; next: number }> {
  let at = 0;
  while (data.length - at >= HEADER) {
    const kind = data.readUInt8(at);
    const bytes = data.readUInt32LE(at + 1);
    const holds = data.readUInt32LE(at + 5);
    if (kind > ZSTD || bytes > ACCEPT_MAX || holds > ACCEPT_MAX)
      throw new Error('a frame that no sender makes');
    if (data.length - at < HEADER + bytes) return { rest: data.subarray(at), next: HEADER + bytes };
    const body = data.subarray(at + HEADER, at + HEADER + bytes);
    push(kind === PLAIN ? body : await decompress(body, { maxOutputLength: Math.max(1, holds) }));
    releaseBuffers(2 * holds);
    at += HEADER + bytes;
  }
  return { rest: data.subarray(at), next: HEADER };
}
