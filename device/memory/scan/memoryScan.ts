import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { ContentSlots, DIGEST_WORDS } from './contentSlots.ts';
import { PageDigest } from './pageDigest.ts';
import { presentPages } from './presentPages.ts';
import { ProcessList, type ScannedProcess } from './processList.ts';
import { readMappings, type Mapping, type PageRange } from './readMappings.ts';
import { mix, NO_SLOT, PAGE, RECORD_IMAGE_MAX } from './records.ts';
import { RecordWriter } from './recordWriter.ts';

/** Memory is read in pieces of 1 MB: few calls, and short ones. */
const PIECE_PAGES = 256;
/** Of memory that is not there (any more). */
const UNREADABLE = ['EIO', 'EFAULT', 'ENOMEM', 'ESRCH'];
const ZEROS = Buffer.alloc(PAGE);

export interface PassCounts {
  looked: number;
  sent: number;
  known: number;
  zero: number;
  dropped: number;
  slots: number;
}

/** Where a page lies; process 0: in no process, only its content counts. */
interface Place {
  process: number;
  page: number;
}

export interface ScanOptions {
  /** The file that lists the processes. */
  cgroupProcs: string;
  /** Takes the stream of records; each part is its own from then on. */
  send: (part: Uint8Array<ArrayBuffer>) => void;
  /** Awaited after each piece: lets others run, and waits until the stream's reader keeps up. */
  pause: () => Promise<void>;
}

/**
 * Finds what has changed in the memory of a compute's processes and writes it as records: the content tracker, as
 * device/native/src/memory-source.c has it, for devices without that helper. A page is sent when its digest is not that of
 * what was sent last from its place; of each content the digest is kept, not a copy.
 */
export class MemoryScan {
  readonly #processes: ProcessList;
  readonly #writer: RecordWriter;
  readonly #pause: () => Promise<void>;
  readonly #slots = new ContentSlots();
  readonly #digests = new PageDigest();
  readonly #digest = new Uint32Array(DIGEST_WORDS);
  readonly #buffer = Buffer.allocUnsafeSlow(PIECE_PAGES * PAGE);
  #counts: PassCounts = noCounts();
  #sum = 0n;
  #living = 0;

  constructor({ cgroupProcs, send, pause }: ScanOptions) {
    this.#processes = new ProcessList(cgroupProcs);
    this.#writer = new RecordWriter(send);
    this.#pause = pause;
  }

  get counts(): PassCounts {
    return { ...this.#counts, slots: this.#slots.count };
  }

  /** One pass while the processes run. */
  async round(round: number): Promise<PassCounts> {
    await this.#pass(false);
    this.#writer.round(round);
    return this.counts;
  }

  /** One pass while they are frozen. @throws Error when some of their memory cannot be read */
  async final(): Promise<PassCounts> {
    this.#living = await this.#pass(true);
    this.#writer.flush();
    return this.counts;
  }

  /** A file of pages that CRIU has written, by reference; also while `final` is under way. Its number of pages. */
  async image(path: string): Promise<number> {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const count = size / PAGE;
      if (!Number.isInteger(count) || count > RECORD_IMAGE_MAX) throw new Error(`${path} has ${size} bytes`);
      this.#writer.image(basename(path), await this.#imageSlots(file, count));
      return count;
    } finally {
      closeSync(file);
    }
  }

  /** Nothing more comes. */
  finish(): void {
    this.#writer.final(this.#living, this.#sum);
  }

  /** Resolves with the number of processes. */
  async #pass(frozen: boolean): Promise<number> {
    this.#counts = noCounts();
    const processes = this.#processes.open();
    try {
      for (const process of processes) await this.#lookAtProcess(process, frozen);
      for (const process of this.#processes.known) this.#dropUnseen(process);
      return processes.length;
    } finally {
      this.#processes.close();
    }
  }

  async #lookAtProcess(process: ScannedProcess, frozen: boolean): Promise<void> {
    let pausedAt = this.#counts.looked;
    for (const mapping of unlessGone(() => readMappings(process.pid), []))
      for (const range of presentPages(process.pagemap, mapping))
        for (let page = range.start; page < range.end;) {
          const piece = { start: page, end: Math.min(range.end, page + PIECE_PAGES) };
          const count = this.#lookAtPiece(process, mapping, piece, frozen);
          page += count;
          this.#counts.looked += count;
          if (this.#counts.looked - pausedAt < PIECE_PAGES) continue;
          pausedAt = this.#counts.looked;
          this.#writer.flush();
          await this.#pause();
        }
  }

  /** Reads a piece and sends what has changed in it. How many pages were dealt with. */
  #lookAtPiece(process: ScannedProcess, { kind }: Mapping, piece: PageRange, frozen: boolean): number {
    const count = readPages(process.memory, piece.start, piece.end - piece.start, this.#buffer);
    if (count === 0) {
      const address = (piece.start * PAGE).toString(16);
      if (frozen) throw new Error(`memory of process ${process.pid} at ${address} is unreadable`);
      // Given back meanwhile.
      return 1;
    }
    const table = kind === 'lazy' ? process.mapped : process.other;
    const number = kind === 'lazy' ? process.number : 0;
    table.markSeen({ start: piece.start, end: piece.start + count });
    for (let index = 0; index < count; index++) {
      const page = piece.start + index;
      const before = table.slot(page);
      const after = this.#placePage({ process: number, page }, before, pageOf(this.#buffer, index));
      if (after !== before) table.set(page, after);
    }
    this.#writer.endRun();
    return count;
  }

  /** The page there has this content now: gives it a slot, which is returned, and tells the target. */
  #placePage(place: Place, before: number, content: Buffer): number {
    const zero = content.equals(ZEROS);
    if (zero && before === NO_SLOT) return before;
    if (!zero) this.#digests.of(content, this.#digest);
    if (!zero && before !== NO_SLOT && this.#slots.has(before, this.#digest)) return before;
    let after = zero ? NO_SLOT : this.#slots.find(this.#digest);
    const isNew = !zero && after === NO_SLOT;
    this.#counts[zero ? 'zero' : isNew ? 'sent' : 'known'] += 1;
    if (!zero && !isNew) this.#slots.hold(after);
    // Freed first, so that a page that has its slot to itself gets the same one again.
    this.#slots.release(before);
    if (isNew) after = this.#slots.take(this.#digest);
    this.#tell(place, before, after, isNew ? content : null);
    return after;
  }

  #tell({ process, page }: Place, before: number, after: number, content: Buffer | null): void {
    const address = page * PAGE;
    if (process !== 0)
      this.#sum = BigInt.asUintN(
        64,
        this.#sum + mix(process, address, after) - mix(process, address, before),
      );
    this.#writer.place(process, address, after, content);
  }

  /** Pages that were there and are there no more: the target forgets them. */
  #dropUnseen({ number, mapped, other }: ScannedProcess): void {
    for (const { page, slot } of mapped.dropUnseen()) {
      this.#slots.release(slot);
      this.#counts.dropped += 1;
      this.#tell({ process: number, page }, slot, NO_SLOT, null);
    }
    for (const { slot } of other.dropUnseen()) {
      this.#slots.release(slot);
      this.#counts.dropped += 1;
    }
    this.#writer.endRun();
  }

  /** The slots of a file's pages; they stay held until the end. */
  async #imageSlots(file: number, count: number): Promise<Uint32Array> {
    const slots = new Uint32Array(count);
    const buffer = Buffer.allocUnsafeSlow(PIECE_PAGES * PAGE);
    for (let at = 0; at < count;) {
      const got = readPages(file, at, Math.min(PIECE_PAGES, count - at), buffer);
      if (got === 0) throw new Error('a file of pages became shorter');
      for (let index = 0; index < got; index++)
        slots[at + index] = this.#placePage({ process: 0, page: index }, NO_SLOT, pageOf(buffer, index));
      this.#writer.endRun();
      at += got;
      await this.#pause();
    }
    return slots;
  }
}

function noCounts(): PassCounts {
  return { looked: 0, sent: 0, known: 0, zero: 0, dropped: 0, slots: 0 };
}

function pageOf(buffer: Buffer, index: number): Buffer {
  return buffer.subarray(index * PAGE, (index + 1) * PAGE);
}

/** Whole pages that could be read into the buffer's start; 0 when the first could not. */
function readPages(file: number, page: number, count: number, buffer: Buffer): number {
  const position = BigInt(page) * BigInt(PAGE);
  let got = 0;
  try {
    while (got < count * PAGE) {
      const more = readSync(file, buffer, got, count * PAGE - got, position + BigInt(got));
      if (more === 0) break;
      got += more;
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!UNREADABLE.includes(code)) throw error;
  }
  return Math.floor(got / PAGE);
}

function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    return otherwise;
  }
}
