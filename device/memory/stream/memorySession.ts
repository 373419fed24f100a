import os from 'node:os';
import type { RestoreMode } from '../../../core/chooseRestore.ts';
import { PAGE } from '../scan/records.ts';
import type { Effort, MemorySource, PassFigures } from './memorySource.ts';
import type { PageDestination } from './scanner.ts';

/** When time counts. More threads would only wait for the memory. */
export const HASTE: Effort = { threads: Math.min(4, os.availableParallelism()), bytesPerSecond: null };
/** One thread: the compute has the processor's other parts for itself. */
export const BESIDE: Effort = { threads: 1, bytesPerSecond: null };
/**
 * For the round that sends all of the memory. What copies shares caches and memory with the compute (docs/performance.md,
 * "What the compute feels of it"): at this pace, well above 1 Gbit/s, it keeps nine tenths of its own throughput.
 */
export const FIRST_ROUND: Effort = { threads: 1, bytesPerSecond: 200_000_000 };
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
  /** Pages that had changed again at its end; null where only another round tells. */
  leftPages: number | null;
}

export interface SessionProgress {
  round: number;
  pages: number;
  bytes: number;
  wireBytes: number;
  bytesPerSecond: number;
}

/** The memory of one compute on its way, from the first round to the end of the final difference. */
export class MemorySession {
  readonly restore: RestoreMode;
  readonly #source: MemorySource;
  #lastRoundAt: number | null = null;
  #finalPass: Promise<PassFigures> | null = null;

  private constructor(restore: RestoreMode, source: MemorySource) {
    this.restore = restore;
    this.#source = source;
  }

  /** The source is the session's from here on. @throws DrayageError when the target cannot be reached */
  static async open(
    restore: RestoreMode,
    source: MemorySource,
    destination: PageDestination,
  ): Promise<MemorySession> {
    try {
      await source.connect(destination);
      return new MemorySession(restore, source);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  get wireBytes(): number {
    return this.#source.wireBytes;
  }

  /** One pass over the running compute's memory; resolves when the target has it. @throws DrayageError */
  async round(
    round: number,
    effort: Effort,
    progress: (now: SessionProgress, lookedPages: number) => void,
  ): Promise<RoundFigures> {
    const from = performance.now();
    const wireBefore = this.#source.wireBytes;
    const since = this.#lastRoundAt === null ? null : from - this.#lastRoundAt;
    this.#lastRoundAt = from;
    const answered = this.#source.answer(`round ${round}`);
    const looking = (figures: PassFigures) => {
      const seconds = (performance.now() - from) / 1000;
      const wireBytes = this.#source.wireBytes - wireBefore;
      const bytesPerSecond = Math.round(wireBytes / seconds);
      progress(
        { round, pages: figures.sent, bytes: figures.sent * PAGE, wireBytes, bytesPerSecond },
        figures.looked,
      );
    };
    const figures = await this.#source.round(round, effort, looking);
    const scanMs = performance.now() - from;
    await answered;
    const ms = performance.now() - from;
    const wireBytes = this.#source.wireBytes - wireBefore;
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
      leftPages: figures.left < 0 ? null : figures.left,
    };
  }

  /** The processes are frozen: begins the last pass. It goes on beside CRIU's dump. */
  beginFinal(): void {
    this.#finalPass = this.#source.final(HASTE.threads);
    this.#finalPass.catch(() => undefined);
  }

  /** Sends a file of pages that CRIU has written: of its pages only those that the target lacks. */
  async image(path: string): Promise<void> {
    await this.#source.image(path);
  }

  /** After `beginFinal` and all images: resolves when the target has all of it. @throws DrayageError */
  async finish(): Promise<void> {
    await this.#finalPass;
    const answered = this.#source.answer('final');
    this.#source.finish();
    await answered;
  }

  /** Ends the helper and the connection; the target drops what it has unless it serves it already. */
  async close(): Promise<void> {
    await this.#source.close();
  }
}
