import { PAGE, padded, RECORD_HEADER, RecordKind } from './records.ts';

/** The stream is handed on in parts of this size, bytes: the link's frames are made of whole parts. */
const PART = 256 * 1024;
/** Pages of one record, as the native helper has it; a target accepts 512. */
const MOST_IN_RUN = 64;
const PADDING = new Uint8Array(8);

interface Run {
  kind: typeof RecordKind.pages | typeof RecordKind.refs;
  process: number;
  address: number;
  slots: number[];
  contents: Uint8Array[];
}

/** Writes records; pages of one kind that are neighbours go into one. */
export class RecordWriter {
  readonly #send: (part: Uint8Array<ArrayBuffer>) => void;
  #part = new Uint8Array(PART);
  #filled = 0;
  #run: Run | null = null;

  /** `send` is given the stream in parts, which are its own from then on. */
  constructor(send: (part: Uint8Array<ArrayBuffer>) => void) {
    this.#send = send;
  }

  /**
   * The page at `address` (bytes) of a process has this slot; with `content` the slot has this content from now on. Process
   * 0: only the content. The content is read until `endRun`.
   */
  place(process: number, address: number, slot: number, content: Uint8Array | null): void {
    const kind = content === null ? RecordKind.refs : RecordKind.pages;
    if (kind === RecordKind.refs && process === 0) return;
    let run = this.#run;
    const goesOn =
      run?.kind === kind && run.process === process && run.address + run.slots.length * PAGE === address;
    if (!run || !goesOn || run.slots.length === MOST_IN_RUN) {
      this.endRun();
      run = this.#run = { kind, process, address, slots: [], contents: [] };
    }
    run.slots.push(slot);
    if (content !== null) run.contents.push(content);
  }

  /** What was placed so far is written; its contents may change. */
  endRun(): void {
    const run = this.#run;
    this.#run = null;
    if (!run) return;
    this.#header(run.kind, run.slots.length, run.process, 0, BigInt(run.address));
    this.#slots(Uint32Array.from(run.slots));
    for (const content of run.contents) this.#write(content);
  }

  /** The file of that name holds the pages of these slots. */
  image(name: string, slots: Uint32Array): void {
    const bytes = Buffer.from(name);
    this.endRun();
    this.#header(RecordKind.image, slots.length, 0, bytes.length, 0n);
    this.#padded(bytes);
    this.#slots(slots);
    this.flush();
  }

  round(round: number): void {
    this.endRun();
    this.#header(RecordKind.round, 0, 0, 0, BigInt(round));
    this.flush();
  }

  /** `sum`: over all pages, see `mix`. */
  final(processes: number, sum: bigint): void {
    this.endRun();
    this.#header(RecordKind.final, processes, 0, 0, sum);
    this.flush();
  }

  /** Hands on what is there. */
  flush(): void {
    this.endRun();
    if (this.#filled === 0) return;
    this.#send(this.#part.subarray(0, this.#filled));
    this.#part = new Uint8Array(PART);
    this.#filled = 0;
  }

  #header(kind: RecordKind, count: number, process: number, extra: number, address: bigint): void {
    const header = new DataView(new ArrayBuffer(RECORD_HEADER));
    [kind, count, process, extra].forEach((word, index) => header.setUint32(index * 4, word, true));
    header.setBigUint64(16, address, true);
    this.#write(new Uint8Array(header.buffer));
  }

  /** Little-endian like every machine that Node runs on. */
  #slots(slots: Uint32Array): void {
    this.#padded(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength));
  }

  #padded(bytes: Uint8Array): void {
    this.#write(bytes);
    this.#write(PADDING.subarray(0, padded(bytes.length) - bytes.length));
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, PART - this.#filled);
      this.#part.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled < PART) continue;
      this.#send(this.#part);
      this.#part = new Uint8Array(PART);
      this.#filled = 0;
    }
  }
}
