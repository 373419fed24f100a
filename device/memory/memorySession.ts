import type { ClientHttp2Stream } from 'node:http2';
import os from 'node:os';
import { DrayageError } from '../../core/cause.ts';
import type { RestoreMode } from '../../core/chooseRestore.ts';
import { LinkClient, type Peer } from '../link/linkClient.ts';
import type { Identity } from '../link/identity.ts';
import { FrameSender } from './pageFrames.ts';
import type { PageSource, PassFigures } from './memorySource.ts';

const PAGE = 4096;
/** Threads of a pass when time counts; more would only wait for the memory. */
export const SCAN_THREADS = Math.min(4, os.availableParallelism());
/** A round that sent less than this says nothing about the link, bytes. */
const MEASURABLE_BYTES = 2 * 1024 * 1024;

/** What one round did. */
export interface RoundFigures {
  round: number;
  /** Pages whose content was sent. */
  pages: number;
  /** Their bytes before compression. */
  bytes: number;
  wireBytes: number;
  /** From its begin to the target's word that it has all of it, milliseconds. */
  ms: number;
  /** Of that, until all pages were looked at. */
  scanMs: number;
  zeroPages: number;
  /** Pages that have changed to a content that the target had. */
  knownPages: number;
  /** Pages of the compute's memory that were there. */
  lookedPages: number;
  /** Changed pages a second since the last round; 0 for the first. */
  dirtyPagesPerSecond: number;
  linkBytesPerSecond: number | null;
}

export interface SessionProgress {
  round: number;
  pages: number;
  bytes: number;
  wireBytes: number;
  bytesPerSecond: number;
}

export interface SessionOptions {
  identity: Identity;
  peer: Peer;
  migration: string;
  computeId: string;
  restore: RestoreMode;
  limitBytesPerSecond: number | null;
  source: PageSource;
}

/**
 * The memory of one compute on its way: from the first round to the end of the final difference one stream, so that what
 * comes later is understood by what came before.
 */
export class MemorySession {
  readonly restore: RestoreMode;
  readonly #source: PageSource;
  readonly #link: LinkClient;
  readonly #frames: FrameSender;
  readonly #waiting = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  #failure: Error | null = null;
  #said = '';
  #lastRoundAt: number | null = null;
  #finalPass: Promise<PassFigures> | null = null;
  #closing = false;

  private constructor(options: SessionOptions, link: LinkClient, stream: ClientHttp2Stream) {
    this.restore = options.restore;
    this.#source = options.source;
    this.#link = link;
    this.#frames = new FrameSender(stream, options);
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#hear(text));
    void link.closed.then(() => this.#fail(linkLost()));
    stream.once('close', () => this.#fail(linkLost()));
    this.#frames.run(this.#source.records).catch((error: unknown) => this.#fail(error as Error));
  }

  /** @throws DrayageError when the target cannot be reached, or cannot keep pages (`noPager`) */
  static async open(options: SessionOptions): Promise<MemorySession> {
    const link = await LinkClient.connect(options.identity, options.peer);
    try {
      const stream = link.open(`/v1/memory/${options.migration}/${options.computeId}/${options.restore}`);
      await accepted(stream, options.peer);
      return new MemorySession(options, link, stream);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  get wireBytes(): number {
    return this.#frames.wireBytes;
  }

  /** One pass over the running compute's memory; resolves when the target has it. @throws DrayageError */
  async round(
    round: number,
    threads: number,
    progress: (now: SessionProgress) => void,
  ): Promise<RoundFigures> {
    const from = performance.now();
    const wireBefore = this.#frames.wireBytes;
    const since = this.#lastRoundAt === null ? null : from - this.#lastRoundAt;
    this.#lastRoundAt = from;
    const answered = this.#answer(`round ${round}`);
    const looking = (figures: PassFigures) => {
      const seconds = (performance.now() - from) / 1000;
      const wireBytes = this.#frames.wireBytes - wireBefore;
      const bytesPerSecond = Math.round(wireBytes / seconds);
      progress({ round, pages: figures.sent, bytes: figures.sent * PAGE, wireBytes, bytesPerSecond });
    };
    const figures = await this.#source.round(round, threads, looking).catch((error: unknown) => {
      this.#fail(error as Error);
      throw this.#failure ?? error;
    });
    const scanMs = performance.now() - from;
    await answered;
    const ms = performance.now() - from;
    const wireBytes = this.#frames.wireBytes - wireBefore;
    const changed = figures.sent + figures.known + figures.zero;
    return {
      round,
      pages: figures.sent,
      bytes: figures.sent * PAGE,
      wireBytes,
      ms,
      scanMs,
      zeroPages: figures.zero,
      knownPages: figures.known,
      lookedPages: figures.looked,
      dirtyPagesPerSecond: since === null ? 0 : changed / (since / 1000),
      linkBytesPerSecond: wireBytes < MEASURABLE_BYTES ? null : wireBytes / (ms / 1000),
    };
  }

  /** The processes are frozen: begins the last pass. It goes on beside CRIU's dump. */
  beginFinal(): void {
    this.#frames.hurry = true;
    this.#finalPass = this.#source.final(SCAN_THREADS);
    this.#finalPass.catch((error: unknown) => this.#fail(error as Error));
  }

  /** Sends a file of pages that CRIU has written: of its pages only those that the target lacks. */
  async image(path: string): Promise<void> {
    await this.#source.image(path);
  }

  /** After `beginFinal` and all images: resolves when the target has all of it. @throws DrayageError */
  async finish(): Promise<void> {
    await this.#finalPass;
    const answered = this.#answer('final');
    this.#source.finish();
    await answered;
  }

  /** Ends the helper and the connection; the target drops what it has unless it serves it already. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#link.close();
    await this.#source.close();
  }

  #answer(words: string): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const answered = new Promise<void>((resolve, reject) => this.#waiting.set(words, { resolve, reject }));
    answered.catch(() => undefined);
    return answered;
  }

  #hear(text: string): void {
    this.#said += text;
    const lines = this.#said.split('\n');
    this.#said = lines.pop() ?? '';
    for (const line of lines) {
      const [, code, message] = /^error (\w+) (.*)$/.exec(line) ?? [];
      if (code !== undefined) this.#fail(refused(code, message ?? ''));
      this.#waiting.get(line)?.resolve();
      this.#waiting.delete(line);
    }
  }

  #fail(error: Error): void {
    if (this.#closing) return;
    this.#failure ??= error;
    // It would wait for a reader that has gone, and whoever waits for its pass with it.
    void this.#source.close();
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

async function accepted(stream: ClientHttp2Stream, peer: Peer): Promise<void> {
  const status = await new Promise<number>((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('close', () => reject(linkLost()));
  });
  if (status === 200) return;
  const code = status === 501 ? 'noPager' : 'memoryRefused';
  throw new DrayageError({
    code,
    message: `Device ${peer.id} cannot keep pages of memory (status ${status}).`,
    mend: 'Build the native helpers on it; see its log.',
  });
}

function linkLost(): DrayageError {
  return new DrayageError({
    code: 'linkLost',
    message: 'The link to the target was lost while memory was copied.',
    mend: 'Check the network between the two devices, then try again.',
  });
}

/** The target's own words: what stands against keeping the pages. */
function refused(code: string, message: string): DrayageError {
  const full = code === 'storeFull';
  return new DrayageError({
    code: full ? 'targetMemoryFull' : code,
    message: full
      ? `The target has no room for the compute's memory: ${message}.`
      : `The target could not take the compute's memory: ${message}.`,
    mend: full
      ? 'Free memory on the target, or choose another one; the compute was not stopped.'
      : 'Try again; see the log of the target device if it comes back.',
  });
}
