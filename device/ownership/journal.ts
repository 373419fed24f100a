import { open, readFile, rename, rm, mkdir, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { computeSpecSchema } from '../../core/compute.ts';
import { transferIdSchema } from '../../core/ids.ts';
import { SourceState, TargetState } from '../../core/ownership.ts';

/** The other device, with the address it had: recovery may have to reach it while the control plane is away. */
const peerSchema = z.object({ id: z.string(), linkAddress: z.string() });

const common = {
  transfer: transferIdSchema,
  group: z.string(),
  epoch: z.number().int(),
  peer: peerSchema,
  at: z.number(),
};

/** One journal record: the state a party entered, with all that recovery needs. */
export const recordSchema = z.discriminatedUnion('role', [
  z.object({
    ...common,
    role: z.literal('source'),
    state: z.enum(Object.values(SourceState) as [SourceState, ...SourceState[]]),
    computes: z.array(computeSpecSchema),
    reason: z.string(),
  }),
  z.object({
    ...common,
    role: z.literal('target'),
    state: z.enum(Object.values(TargetState) as [TargetState, ...TargetState[]]),
    computes: z.array(computeSpecSchema),
    reason: z.string(),
  }),
]);
export type JournalRecord = z.infer<typeof recordSchema>;

/** Bytes reserved per file: an append then changes no metadata, so that fdatasync writes one block. */
const PREALLOCATED = 256 * 1024;
/** Closed transfers kept to answer late messages from. */
const KEEP_CLOSED = 20;

/**
 * The append-only journal of one group's transfers on one device: lines `crc32 json`, in preallocated space.
 * A record is durable when `append` resolves. After a failed write it accepts nothing more (a later fsync could lie).
 */
export class Journal {
  readonly path: string;
  #file: FileHandle | null = null;
  #offset = 0;
  #broken: Error | null = null;
  #records: JournalRecord[] = [];
  #tail: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  /** Opens a group's journal under `directory`, reading what is there. A torn last line is dropped. */
  static async open(directory: string, group: string): Promise<Journal> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const journal = new Journal(join(directory, `${group}.journal`));
    journal.#records = parse(await readFile(journal.path, 'utf8').catch(() => ''));
    await journal.#rewrite();
    return journal;
  }

  /** Groups that have a journal under `directory`. */
  static async groups(directory: string): Promise<string[]> {
    const names = await readdir(directory).catch(() => []);
    return names.filter((name) => name.endsWith('.journal')).map((name) => name.slice(0, -'.journal'.length));
  }

  /** The newest record of each transfer, oldest transfer first. */
  latest(): JournalRecord[] {
    const byTransfer = new Map<string, JournalRecord>();
    for (const record of this.#records) {
      byTransfer.delete(record.transfer);
      byTransfer.set(record.transfer, record);
    }
    return [...byTransfer.values()];
  }

  find(transfer: string): JournalRecord | undefined {
    return this.#records.findLast((record) => record.transfer === transfer);
  }

  /** Appends and syncs. @throws when this or an earlier write failed: the caller must not act, and ask the control plane. */
  append(record: JournalRecord): Promise<void> {
    const write = this.#tail.then(() => this.#write(record));
    this.#tail = write.catch(() => undefined);
    return write;
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#file?.close();
    this.#file = null;
  }

  async #write(record: JournalRecord): Promise<void> {
    if (this.#broken) throw this.#broken;
    // What cannot be read again must not be written: the next worker would not start.
    const line = encode(recordSchema.parse(record));
    try {
      if (this.#offset + line.length > PREALLOCATED) await this.#rewrite();
      if (!this.#file) throw new Error('the journal is closed');
      await this.#file.write(line, 0, line.length, this.#offset);
      await this.#file.datasync();
      this.#offset += line.length;
      this.#records.push(record);
    } catch (error) {
      this.#broken = new Error(`the journal ${this.path} cannot be written`, { cause: error });
      throw this.#broken;
    }
  }

  /** Writes the newest records into a fresh preallocated file and puts it in place. */
  async #rewrite(): Promise<void> {
    this.#records = this.latest().slice(-KEEP_CLOSED);
    const lines = Buffer.concat(this.#records.map(encode));
    const content = Buffer.alloc(PREALLOCATED);
    lines.copy(content);
    const temporary = `${this.path}.new`;
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx+', 0o600);
    await file.write(content, 0, content.length, 0);
    await file.sync();
    await rename(temporary, this.path);
    const directory = await open(join(this.path, '..'), 'r');
    await directory.sync();
    await directory.close();
    await this.#file?.close();
    this.#file = file;
    this.#offset = lines.length;
  }
}

function encode(record: JournalRecord): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`);
}

function parse(text: string): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('\0')) break;
    const json = line.slice(9);
    if (crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) break;
    records.push(recordSchema.parse(JSON.parse(json)));
  }
  return records;
}
