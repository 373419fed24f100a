import type { Readable } from 'node:stream';
import { z } from 'zod';
import { DrayageError } from '../../../core/cause.ts';
import { decideCompression } from '../../../core/decideCompression.ts';
import { startScanHelper } from './scanHelper.ts';
import type { PageDestination, ScannedMemory, Scanner } from './scanner.ts';
import { startScanThread } from './scanThread.ts';

const figuresSchema = z.object({
  /** Pages whose content was looked at. */
  looked: z.number(),
  /** Pages whose content was sent. */
  sent: z.number(),
  /** Pages that have changed to a content that the target has. */
  known: z.number(),
  /** Pages that have become zeros. */
  zero: z.number(),
  /** Pages that are there no more. */
  dropped: z.number(),
  /** Different contents that the target holds. */
  slots: z.number(),
  /** Bytes given to the link so far, over all passes. */
  wire: z.number().default(0),
  /** After the first round: pages that have changed since they were looked at; -1 where the kernel cannot say. */
  left: z.number().default(-1),
});
export type PassFigures = z.infer<typeof figuresSchema>;

const saidSchema = z.union([
  z.object({ progress: figuresSchema }),
  z.object({ done: figuresSchema }),
  z.object({ image: z.object({ pages: z.number() }) }),
  z.object({ connected: z.literal(true) }),
  z.object({
    tried: z.object({
      bytes: z.number(),
      compressed: z.number(),
      ms: z.number(),
      linkBytesPerSecond: z.number(),
    }),
  }),
  z.object({ answer: z.string(), wire: z.number() }),
  z.object({ refused: z.string(), message: z.string() }),
  z.object({ error: z.string(), message: z.string() }),
]);
type Said = z.infer<typeof saidSchema>;

/** What a pass may take of the machine. */
export interface Effort {
  /** That look for what has changed. */
  threads: number;
  /** Of memory that is sent, bytes; null is as fast as the link. */
  bytesPerSecond: number | null;
}

interface Waiting<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/** Finds the changed pages of a compute and sends them to a target: one pass after the other by a scanner. */
export class MemorySource {
  /** Bytes given to the link. */
  wireBytes = 0;
  readonly #scanner: Scanner;
  #connected: Waiting<void> | null = null;
  #pass: (Waiting<PassFigures> & { progress: (figures: PassFigures) => void }) | null = null;
  #images: Waiting<void>[] = [];
  readonly #answers = new Map<string, Waiting<void>>();
  #failure: Error | null = null;
  #limit: number | null = null;
  #hurry = false;
  #tried: Extract<Said, { tried: unknown }>['tried'] | null = null;

  private constructor(scanner: Scanner) {
    this.#scanner = scanner;
    scanner.onSaid((said) => this.#take(saidSchema.parse(said)));
    void scanner.ended.then((why) => this.#fail(scanFailed(why)));
  }

  /**
   * By the helper at `program`; where it is not built (null), by a thread of this process, which takes several times as long
   * and knows no tracker but `content`.
   */
  static start(program: string | null, scanned: ScannedMemory): MemorySource {
    return new MemorySource(
      program === null ? startScanThread(scanned.cgroupProcs) : startScanHelper(program, scanned),
    );
  }

  /** What is found, as long as it is not connected. */
  get records(): Readable {
    return this.#scanner.records;
  }

  /** @throws DrayageError when the target cannot be reached, or is another */
  connect(destination: PageDestination): Promise<void> {
    this.#limit = destination.limitBytesPerSecond;
    return this.#ask(
      (waiting) => (this.#connected = waiting),
      () => this.#scanner.connect(destination),
    );
  }

  /** One pass while the processes run. Resolves when all was looked at; the target answers `round N`. */
  round(
    round: number,
    { threads, bytesPerSecond }: Effort,
    progress: (figures: PassFigures) => void,
  ): Promise<PassFigures> {
    return this.#run(`round ${threads} ${round} ${bytesPerSecond ?? 0}`, progress);
  }

  /** One pass while they are frozen: only time counts. */
  final(threads: number): Promise<PassFigures> {
    this.#hurry = true;
    if (this.#tried) this.#decide(this.#tried);
    return this.#run(`final ${threads}`, () => undefined);
  }

  /** A file of pages of CRIU's, by reference; also while `final` is under way. */
  image(path: string): Promise<void> {
    return this.#ask((waiting) => this.#images.push(waiting), `image ${path}`);
  }

  /** Nothing more comes; the target answers `final`. */
  finish(): void {
    this.#scanner.command('finish');
  }

  /** Resolves when the target has said this. @throws DrayageError with its words when it has refused, or is gone */
  answer(words: string): Promise<void> {
    const answered = this.#ask((waiting: Waiting<void>) => this.#answers.set(words, waiting), null);
    answered.catch(() => undefined);
    return answered;
  }

  async close(): Promise<void> {
    await this.#scanner.close();
  }

  #run(command: string, progress: (figures: PassFigures) => void): Promise<PassFigures> {
    if (this.#pass) return Promise.reject(new Error('a pass is under way already'));
    return this.#ask((waiting: Waiting<PassFigures>) => (this.#pass = { ...waiting, progress }), command);
  }

  /** Waits for what the scanner says, then gives the command, if any. */
  #ask<T>(wait: (waiting: Waiting<T>) => void, command: string | (() => void) | null): Promise<T> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      wait({ resolve, reject });
      if (typeof command === 'string') this.#scanner.command(command);
      else command?.();
    });
  }

  #take(said: Said): void {
    if ('progress' in said) {
      this.wireBytes = said.progress.wire;
      this.#pass?.progress(said.progress);
    } else if ('done' in said) {
      const pass = this.#pass;
      this.#pass = null;
      pass?.resolve(said.done);
    } else if ('answer' in said) {
      this.wireBytes = said.wire;
      this.#answers.get(said.answer)?.resolve();
      this.#answers.delete(said.answer);
    } else if ('tried' in said) this.#decide(said.tried);
    else if ('image' in said) this.#images.shift()?.resolve();
    else if ('connected' in said) this.#connected?.resolve();
    else if ('refused' in said) this.#fail(refused(said.refused, said.message));
    else this.#fail(LINK_ERRORS.has(said.error) ? linkLost(said.message) : scanFailed(said.message));
  }

  /** Whether what follows is compressed. */
  #decide(tried: Extract<Said, { tried: unknown }>['tried']): void {
    this.#tried = tried;
    const { action, level } = decideCompression({
      ratio: tried.compressed / tried.bytes,
      compressBytesPerSecond: tried.bytes / (Math.max(0.05, tried.ms) / 1000),
      linkBytesPerSecond: this.#limit ?? (tried.linkBytesPerSecond > 0 ? tried.linkBytesPerSecond : null),
      hurry: this.#hurry,
    });
    this.#scanner.command(`compress ${action === 'compress' ? level : 0}`);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const waiting = [this.#connected, this.#pass, ...this.#images.splice(0), ...this.#answers.values()];
    this.#pass = null;
    this.#answers.clear();
    for (const one of waiting) one?.reject(this.#failure);
  }
}

/** Errors of the helper that are the link's. */
const LINK_ERRORS = new Set(['linkLost', 'peerUnreachable']);

function scanFailed(why: string): DrayageError {
  return new DrayageError({
    code: 'memoryScanFailed',
    message: `The compute's memory could not be read: ${why}.`,
    mend: 'The compute was not harmed; try again, and see the device log if it comes back.',
  });
}

function linkLost(why: string): DrayageError {
  return new DrayageError({
    code: 'linkLost',
    message: `The link to the target was lost while memory was copied: ${why}.`,
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
