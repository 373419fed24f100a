import { createReadStream, createWriteStream, mkdirSync, renameSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startProcess, type Ended, type RunningProcess } from './childProcess.ts';
import { cancelledError, readingError } from './fileErrors.ts';
import { compareLists, PATH_FIELD, readList, RECORD_FORMAT, type ListedFile } from './fileList.ts';
import { encodeRemovals } from './frames.ts';
import { armDifference } from './armDifference.ts';
import { CountedStream } from './CountedStream.ts';
import { CHANGED_WHILE_READ, createArguments } from './tarArguments.ts';
import type { ArmedDifference, FileRoot, FileSource } from './types.ts';

/**
 * Files are stamped with the kernel's coarse clock, which is up to one tick (10 ms at HZ=100) behind; a list counts
 * as made this much earlier. Nanoseconds.
 */
const TICK_MARGIN = 20_000_000n;

/** statfs(2)'s number of tmpfs, where writes through mmap change no time: every file must be sent each time. */
const TMPFS_MAGIC = 0x01021994;

const STREAM_BUFFER_BYTES = 256 * 1024;

/**
 * Waits for a line on stdin, then lists the current directory. `sort` runs from the start. While it dumps, CRIU makes
 * directories of its own for a moment (criu/mount.c: get_clean_mnt): they are none of the compute's files.
 */
const LIST_SCRIPT = `{ read -r _ && exec find . -ignore_readdir_race \\( -path './tmp/cr-tmpfs.??????' -o -path './cr-tmpfs.??????' \\) -prune -o -printf "$1"; } | exec sort --zero-terminated --key="$2" --field-separator=' ' --temporary-directory="$3"`;

/** The two programs of one copy. */
interface Copy {
  list: RunningProcess;
  tar: RunningProcess;
}

/**
 * Reads one directory of a compute for a move: all of it, then what changed since. What changed is told by comparing
 * lists of the directory (inode, size, change time), all made here: a difference needs no question to the target, and
 * its clock does not matter. Deletions, hard links, holes, attributes, ACLs, owners by number, devices and overlay's
 * whiteouts are kept; unix sockets are not: the restore makes those that are in use. GNU tar's own
 * `--listed-incremental` is not used: its archives fail to extract where a directory and a file changed places.
 *
 * @param workDir directory of this move, made if missing; a directory in it holds the lists until `close`
 * @throws DrayageError through the streams
 */
export function createFileSource(root: FileRoot, workDir: string): FileSource {
  return new TarFileSource(root, join(workDir, `${root.name}.source`));
}

class TarFileSource implements FileSource {
  readonly #directory: string;
  readonly #workDir: string;
  readonly #list: string;
  readonly #nextList: string;
  /** When the last list was begun, less the margin: nanoseconds since 1970. Null before the first complete copy. */
  #unsureSince: bigint | null = null;
  #timesCount = true;
  #busy: CountedStream | null = null;

  constructor(root: FileRoot, workDir: string) {
    this.#directory = root.directory;
    this.#workDir = workDir;
    this.#list = join(workDir, 'list');
    this.#nextList = join(workDir, 'list.next');
  }

  full(): Readable {
    return this.#read(async (out) => {
      await writeBack(this.#directory);
      this.#timesCount = (await statfs(this.#directory)).type !== TMPFS_MAGIC;
      await this.#run(this.#start(), out, (copy) => this.#sendAll(copy, out), true);
    });
  }

  difference(): Readable {
    if (this.#unsureSince === null) throw new Error(`no full copy of ${this.#directory} was read to its end`);
    return this.#read(async (out) => {
      await writeBack(this.#directory);
      await this.#run(this.#start(), out, (copy) => this.#sendChanges(copy, out), true);
    });
  }

  armFinal(): ArmedDifference {
    if (this.#unsureSince === null) throw new Error(`no full copy of ${this.#directory} was read to its end`);
    const copy = this.#start();
    let go = (): void => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const stream = this.#read(async (out) => {
      out.on('close', go);
      await gone;
      if (!out.destroyed) await this.#run(copy, out, () => this.#sendChanges(copy, out), false);
    });
    stream.once('close', () => endCopy(copy));
    return armDifference(this.#directory, stream, go);
  }

  async close(): Promise<void> {
    const busy = this.#busy;
    if (busy && !busy.closed) {
      const closed = new Promise((resolve) => busy.once('close', resolve));
      busy.destroy(cancelledError(this.#directory));
      await closed;
    }
    await rm(this.#workDir, { recursive: true, force: true });
  }

  /** A stream that `work` fills; one at a time. Its list becomes the one to compare with when all of it has been read. */
  #read(work: (out: CountedStream) => Promise<void>): CountedStream {
    if (this.#busy) throw new Error(`another copy of ${this.#directory} is running`);
    const began = BigInt(Date.now()) * 1_000_000n;
    const out = new CountedStream({ highWaterMark: STREAM_BUFFER_BYTES });
    // Each program, pipe and reader listens for its end.
    out.setMaxListeners(20);
    this.#busy = out;
    out.once('end', () => {
      renameSync(this.#nextList, this.#list);
      this.#unsureSince = this.#timesCount ? began - TICK_MARGIN : 0n;
    });
    out.once('close', () => (this.#busy = null));
    // The reader may attach later; it hears of the error then.
    out.once('error', () => {});
    work(out).catch((error: unknown) => out.destroy(error as Error));
    return out;
  }

  #start(): Copy {
    mkdirSync(this.#workDir, { recursive: true, mode: 0o700 });
    const script = ['-c', LIST_SCRIPT, 'sh', RECORD_FORMAT, String(PATH_FIELD), this.#workDir];
    const list = startProcess('/bin/sh', script, { harmless: CHANGED_WHILE_READ, cwd: this.#directory });
    return {
      list,
      tar: startProcess('tar', createArguments(this.#directory), { harmless: CHANGED_WHILE_READ }),
    };
  }

  /** Runs one copy to its end, or ends its programs. */
  async #run(
    copy: Copy,
    out: PassThrough,
    send: (copy: Copy) => Promise<void>,
    mayChange: boolean,
  ): Promise<void> {
    out.once('close', () => endCopy(copy));
    copy.list.stdin.end('\n');
    // What the programs say is better than how the pipes between them broke.
    const sent = await send(copy).then(
      () => null,
      (error: unknown) => error as Error,
    );
    if (sent) endCopy(copy);
    const ends: Ended[] = await Promise.all([copy.list.ended, copy.tar.ended]);
    const told = sent ? ends.filter((ended) => ended.signal !== 'SIGKILL') : ends;
    const failure = told
      .map((ended) => readingError(this.#directory, ended, mayChange))
      .find((error) => error);
    const error = failure ?? sent;
    if (error) throw error;
    out.end();
  }

  async #sendAll(copy: Copy, out: PassThrough): Promise<void> {
    for (const piece of encodeRemovals([])) out.write(piece);
    const listed = this.#keepList(copy.list.stdout);
    const named = (async () => {
      for await (const batch of listed.batches) {
        const names = batch.map((file) => `${file.path}\0`).join('');
        if (!copy.tar.stdin.write(names, 'latin1')) await drained(copy.tar.stdin);
      }
      copy.tar.stdin.end();
    })();
    await Promise.all([named, listed.kept, pipeline(copy.tar.stdout, out, { end: false })]);
  }

  async #sendChanges(copy: Copy, out: PassThrough): Promise<void> {
    const listed = this.#keepList(copy.list.stdout);
    const previous = readList(createReadStream(this.#list));
    const compared = compareLists(previous, listed.batches, this.#unsureSince ?? 0n);
    const [{ removed, changed }] = await Promise.all([compared, listed.kept]);
    for (const piece of encodeRemovals(removed)) {
      if (!out.write(piece)) await drained(out);
    }
    const names = changed.map((path) => `${path}\0`).join('');
    copy.tar.stdin.end(names, 'latin1');
    await pipeline(copy.tar.stdout, out, { end: false });
  }

  /** The list, to be read by somebody and kept on disk meanwhile. */
  #keepList(stdout: Readable): { batches: AsyncIterable<ListedFile[]>; kept: Promise<void> } {
    const read = new PassThrough({ highWaterMark: STREAM_BUFFER_BYTES });
    const file = createWriteStream(this.#nextList, { mode: 0o600 });
    const kept = Promise.all([pipeline(stdout, read), pipeline(stdout, file)]).then(() => {});
    kept.catch(() => {});
    return { batches: readList(read), kept };
  }
}

function endCopy(copy: Copy): void {
  for (const one of [copy.list, copy.tar]) {
    one.kill();
    one.stdout.resume();
  }
}

/** Resolves when a stream takes data again; rejects when it never will. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('drain', settle).off('close', settle);
      if (stream.destroyed) reject(new Error('the reader went away'));
      else resolve();
    };
    stream.on('drain', settle).on('close', settle);
    if (stream.destroyed) settle();
  });
}

/**
 * Has the kernel write the file system's changed pages to disk. A page that a program changes through mmap is stamped
 * only when it turns from clean to changed: one that was changed before the copy and is changed again after it would
 * count as old. After this every page is clean, so that the next change is stamped.
 */
async function writeBack(directory: string): Promise<void> {
  const running = startProcess('sync', ['--file-system', directory]);
  running.stdout.resume();
  const error = readingError(directory, await running.ended, false);
  if (error) throw error;
}
