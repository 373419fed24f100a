import type { Readable } from 'node:stream';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { TrackerName } from '../../core/chooseTracker.ts';
import { startScanHelper } from './scanHelper.ts';
import type { Scanner } from './scanner.ts';
import { startScanThread } from './scanThread.ts';

const figuresSchema = z.object({
  /** Pages whose content was looked at. */
  looked: z.number(),
  /** Pages whose content was written. */
  sent: z.number(),
  /** Pages that have changed to a content that the target has. */
  known: z.number(),
  /** Pages that have become zeros. */
  zero: z.number(),
  /** Pages that are there no more. */
  dropped: z.number(),
  /** Different contents that the target holds. */
  slots: z.number(),
});
export type PassFigures = z.infer<typeof figuresSchema>;

const saidSchema = z.union([
  z.object({ progress: figuresSchema }),
  z.object({ done: figuresSchema }),
  z.object({ image: z.object({ pages: z.number() }) }),
  z.object({ error: z.string(), message: z.string() }),
]);

/** What finds the changed pages of a compute and writes them as records (device/native/src/records.h). */
export interface PageSource {
  readonly records: Readable;
  /** One pass while the processes run; the records end with the round's number. */
  round(round: number, threads: number, progress: (figures: PassFigures) => void): Promise<PassFigures>;
  /** One pass while they are frozen. */
  final(threads: number): Promise<PassFigures>;
  /** A file of pages of CRIU's, by reference; also while `final` is under way. */
  image(path: string): Promise<void>;
  /** Nothing more comes. */
  finish(): void;
  close(): Promise<void>;
}

interface Waiting<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/** One pass after the other by a scanner. */
export class MemorySource implements PageSource {
  readonly records: Readable;
  readonly #scanner: Scanner;
  #pass: (Waiting<PassFigures> & { progress: (figures: PassFigures) => void }) | null = null;
  #images: Waiting<void>[] = [];
  #failure: Error | null = null;

  private constructor(scanner: Scanner) {
    this.#scanner = scanner;
    this.records = scanner.records;
    scanner.onSaid((said) => this.#hear(saidSchema.parse(said)));
    void scanner.ended.then((why) => this.#fail(scanFailed(why)));
  }

  /**
   * `cgroupProcs`: the file that lists the processes. By the helper at `program`; where it is not built (null), by a thread
   * of this process, which takes several times as long and knows no tracker but `content`.
   */
  static start(program: string | null, cgroupProcs: string, tracker: TrackerName): MemorySource {
    return new MemorySource(
      program === null ? startScanThread(cgroupProcs) : startScanHelper(program, cgroupProcs, tracker),
    );
  }

  round(round: number, threads: number, progress: (figures: PassFigures) => void): Promise<PassFigures> {
    return this.#run(`round ${threads} ${round}`, progress);
  }

  final(threads: number): Promise<PassFigures> {
    return this.#run(`final ${threads}`, () => undefined);
  }

  image(path: string): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#images.push({ resolve, reject });
      this.#scanner.command(`image ${path}`);
    });
  }

  finish(): void {
    this.#scanner.command('finish');
  }

  async close(): Promise<void> {
    await this.#scanner.close();
  }

  #run(command: string, progress: (figures: PassFigures) => void): Promise<PassFigures> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#pass) return Promise.reject(new Error('a pass is under way already'));
    return new Promise((resolve, reject) => {
      this.#pass = { resolve, reject, progress };
      this.#scanner.command(command);
    });
  }

  #hear(said: z.infer<typeof saidSchema>): void {
    if ('progress' in said) this.#pass?.progress(said.progress);
    else if ('image' in said) this.#images.shift()?.resolve();
    else if ('error' in said) this.#fail(scanFailed(said.message));
    else {
      const pass = this.#pass;
      this.#pass = null;
      pass?.resolve(said.done);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#pass?.reject(this.#failure);
    this.#pass = null;
    for (const image of this.#images.splice(0)) image.reject(this.#failure);
  }
}

function scanFailed(why: string): DrayageError {
  return new DrayageError({
    code: 'memoryScanFailed',
    message: `The compute's memory could not be read: ${why}.`,
    mend: 'The compute was not harmed; try again, and see the device log if it comes back.',
  });
}
