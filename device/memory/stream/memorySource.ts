import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { DrayageError } from '../../../core/cause.ts';
import type { TrackerName } from '../../../core/chooseTracker.ts';
import { decideCompression } from '../../../core/decideCompression.ts';
import type { Peer } from '../../link/connectTls.ts';
import { identityText, type Identity } from '../../link/identity.ts';
import { HELPER_VARIABLE } from '../../network/batchTool.ts';

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
  wire: z.number(),
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

/** Where the memory goes. */
export interface PageDestination {
  identity: Identity;
  /** The target's id, and where it takes pages. */
  peer: Peer;
  /** What the target expects them under. */
  token: string;
  limitBytesPerSecond: number | null;
}

/** What finds the changed pages of a compute and sends them to a target as records (device/native/src/records.h). */
export interface PageSource {
  /** Bytes given to the link. */
  readonly wireBytes: number;
  /** @throws DrayageError when the target cannot be reached, or is another */
  connect(destination: PageDestination): Promise<void>;
  /** One pass while the processes run. Resolves when all was looked at; the target answers `round N`. */
  round(round: number, threads: number, progress: (figures: PassFigures) => void): Promise<PassFigures>;
  /** One pass while they are frozen: only time counts. */
  final(threads: number): Promise<PassFigures>;
  /** A file of pages of CRIU's, by reference; also while `final` is under way. */
  image(path: string): Promise<void>;
  /** Nothing more comes; the target answers `final`. */
  finish(): void;
  /** Resolves when the target has said this. @throws DrayageError with its words when it has refused, or is gone */
  answer(words: string): Promise<void>;
  close(): Promise<void>;
}

interface Waiting<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/** The helper memory-source (device/native), which does all of it in C. It ends with this process. */
export class MemorySource implements PageSource {
  wireBytes = 0;
  readonly #child: ChildProcessByStdio<Writable, null, Readable>;
  readonly #exited: Promise<void>;
  #connected: Waiting<void> | null = null;
  #pass: (Waiting<PassFigures> & { progress: (figures: PassFigures) => void }) | null = null;
  #images: Waiting<void>[] = [];
  readonly #answers = new Map<string, Waiting<void>>();
  #failure: Error | null = null;
  #said = '';
  #limit: number | null = null;
  #hurry = false;
  #tried: Extract<Said, { tried: unknown }>['tried'] | null = null;

  private constructor(child: ChildProcessByStdio<Writable, null, Readable>) {
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.#fail(scanFailed(error.message)));
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => this.#hear(text));
    child.stderr.once('close', () => this.#fail(scanFailed('the helper memory-source ended')));
  }

  /** `cgroupProcs`: the file that lists the processes. */
  static start(program: string, cgroupProcs: string, tracker: TrackerName): MemorySource {
    const child = spawn(program, [cgroupProcs, tracker], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, [HELPER_VARIABLE]: 'memory-source' },
    });
    return new MemorySource(child);
  }

  connect({ identity, peer, token, limitBytesPerSecond }: PageDestination): Promise<void> {
    this.#limit = limitBytesPerSecond;
    const separator = peer.linkAddress.lastIndexOf(':');
    const place = [
      peer.linkAddress.slice(0, separator),
      peer.linkAddress.slice(separator + 1),
      token,
      peer.id,
    ];
    const { sizes, pem } = identityText(identity);
    return this.#ask(
      `connect ${[...place, limitBytesPerSecond ?? 0, ...sizes].join(' ')}\n${pem}`,
      (waiting) => (this.#connected = waiting),
    );
  }

  round(round: number, threads: number, progress: (figures: PassFigures) => void): Promise<PassFigures> {
    return this.#run(`round ${threads} ${round}`, progress);
  }

  final(threads: number): Promise<PassFigures> {
    this.#hurry = true;
    if (this.#tried) this.#decide(this.#tried);
    return this.#run(`final ${threads}`, () => undefined);
  }

  image(path: string): Promise<void> {
    return this.#ask(`image ${path}\n`, (waiting) => this.#images.push(waiting));
  }

  finish(): void {
    this.#child.stdin.write('finish\n');
  }

  answer(words: string): Promise<void> {
    const answered = this.#ask('', (waiting: Waiting<void>) => this.#answers.set(words, waiting));
    answered.catch(() => undefined);
    return answered;
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #run(command: string, progress: (figures: PassFigures) => void): Promise<PassFigures> {
    if (this.#pass) return Promise.reject(new Error('a pass is under way already'));
    return this.#ask(
      `${command}\n`,
      (waiting: Waiting<PassFigures>) => (this.#pass = { ...waiting, progress }),
    );
  }

  #ask<T>(command: string, wait: (waiting: Waiting<T>) => void): Promise<T> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      wait({ resolve, reject });
      if (command !== '') this.#child.stdin.write(command);
    });
  }

  #hear(text: string): void {
    this.#said += text;
    const lines = this.#said.split('\n');
    this.#said = lines.pop() ?? '';
    for (const line of lines) this.#take(saidSchema.parse(JSON.parse(line)));
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
    this.#child.stdin.write(`compress ${action === 'compress' ? level : 0}\n`);
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
