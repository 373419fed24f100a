import type { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import type { Readable, Writable } from 'node:stream';
import { constants, zstdCompress } from 'node:zlib';
import { setTimeout as pause } from 'node:timers/promises';
import { WakeUp } from '../../ownership/wakeUp.ts';

const compress = promisify(zstdCompress);

/** A frame on the link: u8 kind (0 plain, 1 zstd), u32 bytes that follow, u32 bytes they hold; little-endian. */
const HEADER = 9;
const PLAIN = 0;
const ZSTD = 1;
/** Nothing but a sign of life. */
export const PING_FRAME = Buffer.alloc(HEADER);
/** Content of one frame, bytes: enough for zstd to find what repeats, little enough to hold a few in memory. */
const FRAME_MAX = 512 * 1024;
/** Frames that tell how fast the link is: 8 MB of them. */
const MEASURED_FRAMES = 16;
/** After this many plain frames it is tried again whether compressing pays. */
const TRY_AGAIN_FRAMES = 32;

/** How one frame was compressed: what is decided upon (core/decideCompression.ts). */
export interface TriedFrame {
  bytes: number;
  compressed: number;
  ms: number;
  /** 0 when the link was not the slowest part. */
  linkBytesPerSecond: number;
}

/** Sends a stream of records in frames: compressed where that pays, not faster than allowed, at the link's pace. */
export class FrameSender {
  readonly #out: Writable;
  readonly #drained: WakeUp;
  readonly #limit: number | null;
  #pace: number | null = null;
  readonly #tell: (tried: TriedFrame) => void;
  #plainFrames = 0;
  /** zstd's; 0: none. */
  #level = 1;
  #allowedAt = 0;
  /** Bytes given to the link. */
  wireBytes = 0;
  /** What the link carried lately while it was the slowest part, bytes a second; null when it was not. */
  #linkBytesPerSecond: number | null = null;
  #window = { from: 0, bytes: 0, waitedMs: 0, frames: 0 };

  /** `tell` hears of every frame that was compressed; what follows from that is told by `compress`. */
  constructor(
    out: Writable,
    { limitBytesPerSecond }: { limitBytesPerSecond: number | null },
    tell: (tried: TriedFrame) => void,
  ) {
    this.#out = out;
    this.#tell = tell;
    this.#drained = wakeOn(out, ['drain', 'close', 'error']);
    this.#limit = limitBytesPerSecond;
  }

  /** zstd's level for what follows; 0: none, but for a try now and then. */
  compress(level: number): void {
    this.#level = level;
  }

  /** At most so many bytes a second of what the frames hold from here on; null is no limit. */
  pace(bytesPerSecond: number | null): void {
    this.#pace = bytesPerSecond;
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
    await this.#waitForTurn(HEADER + body.length, content.length);
    if (this.#out.destroyed) throw linkCut();
    this.wireBytes += HEADER + body.length;
    this.#out.write(header);
    const from = performance.now();
    const drained = this.#drained.next();
    if (!this.#out.write(body)) await drained;
    if (this.#out.destroyed) throw linkCut();
    this.#measure(from, HEADER + body.length);
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
    if (this.#level === 0 && ++this.#plainFrames < TRY_AGAIN_FRAMES) return [PLAIN, content];
    this.#plainFrames = 0;
    const from = performance.now();
    const body = await compress(content, {
      params: { [constants.ZSTD_c_compressionLevel]: Math.max(1, this.#level) },
    });
    this.#tell({
      bytes: content.length,
      compressed: body.length,
      ms: performance.now() - from,
      linkBytesPerSecond: this.#linkBytesPerSecond ?? 0,
    });
    return body.length < content.length ? [ZSTD, body] : [PLAIN, content];
  }

  /** A bucket of 50 ms: the link is shared evenly, not in bursts. */
  async #waitForTurn(bytes: number, held: number): Promise<void> {
    const taken = Math.max(bytes / (this.#limit ?? Infinity), held / (this.#pace ?? Infinity));
    if (taken === 0) return;
    const now = performance.now();
    const wait = this.#allowedAt - now;
    if (wait > 50) await pause(wait - 50);
    this.#allowedAt = Math.max(this.#allowedAt, now - 50) + taken * 1000;
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
