import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { TrackerName } from '../../core/chooseTracker.ts';
import { HELPER_VARIABLE } from '../network/batchTool.ts';

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

/** The helper memory-source (device/native), which does it in C. It ends with this process. */
export class MemorySource implements PageSource {
  readonly records: Readable;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<void>;
  #pass: (Waiting<PassFigures> & { progress: (figures: PassFigures) => void }) | null = null;
  #images: Waiting<void>[] = [];
  #failure: Error | null = null;
  #said = '';

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    this.records = child.stdout;
    // Not 'close': records that nobody reads any more would keep it from coming.
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.#fail(scanFailed(error.message)));
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => this.#hear(text));
    void this.#exited.then(() => this.#fail(scanFailed('the helper memory-source ended')));
  }

  /** `cgroupProcs`: the file that lists the processes. */
  static start(program: string, cgroupProcs: string, tracker: TrackerName): MemorySource {
    const child = spawn(program, [cgroupProcs, tracker], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, [HELPER_VARIABLE]: 'memory-source' },
    });
    return new MemorySource(child);
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
      this.#child.stdin.write(`image ${path}\n`);
    });
  }

  finish(): void {
    this.#child.stdin.write('finish\n');
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    this.#child.stdout.destroy();
    await this.#exited;
  }

  #run(command: string, progress: (figures: PassFigures) => void): Promise<PassFigures> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#pass) return Promise.reject(new Error('a pass is under way already'));
    return new Promise((resolve, reject) => {
      this.#pass = { resolve, reject, progress };
      this.#child.stdin.write(`${command}\n`);
    });
  }

  #hear(text: string): void {
    this.#said += text;
    const lines = this.#said.split('\n');
    this.#said = lines.pop() ?? '';
    for (const line of lines) {
      const said = saidSchema.parse(JSON.parse(line));
      if ('progress' in said) this.#pass?.progress(said.progress);
      else if ('image' in said) this.#images.shift()?.resolve();
      else if ('error' in said) this.#fail(scanFailed(said.message));
      else {
        const pass = this.#pass;
        this.#pass = null;
        pass?.resolve(said.done);
      }
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
