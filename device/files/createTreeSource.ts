import { mkdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startProcess, type RunningProcess } from './childProcess.ts';
import { armDifference } from './armDifference.ts';
import { CountedStream } from './CountedStream.ts';
import { readingError } from './fileErrors.ts';
import type { ArmedDifference, FileRoot, FileSource } from './types.ts';

const STREAM_BUFFER_BYTES = 256 * 1024;

/** A tree of files in the root directory of a process. */
export interface TreeRoot extends FileRoot {
  /** `/proc/PID/root`; `directory` lies in it. */
  processRoot: string;
}

/**
 * Reads a tmpfs of a compute for a move: all of it, then the pages that changed since (device/native/src/tree-source.c).
 * What createFileSource does for files on disk cannot be done here: writing through mmap changes no time on a tmpfs, and a
 * large file of which little changed would be sent whole.
 *
 * @param workDir directory of this move, made if missing; a directory in it holds the hashes until `close`
 * @param program path of tree-source
 * @throws DrayageError through the streams
 */
export function createTreeSource(root: TreeRoot, workDir: string, program: string): FileSource {
  return new TreeFileSource(root, join(workDir, `${root.name}.source`), program);
}

class TreeFileSource implements FileSource {
  readonly #root: TreeRoot;
  readonly #workDir: string;
  readonly #program: string;
  readonly #running = new Set<RunningProcess>();
  #complete = false;

  constructor(root: TreeRoot, workDir: string, program: string) {
    this.#root = root;
    this.#workDir = workDir;
    this.#program = program;
  }

  full(): Readable {
    this.#complete = false;
    return this.#pass(this.#start('none', 'state.next'), true);
  }

  difference(): Readable {
    this.#demandComplete();
    return this.#pass(this.#start('state', 'state.next'), true);
  }

  armFinal(): ArmedDifference {
    this.#demandComplete();
    const running = this.#start('state', null);
    let go = (): void => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const stream = this.#pass(running, false, gone);
    return armDifference(this.#root.directory, stream, go);
  }

  async close(): Promise<void> {
    const ends = [...this.#running].map((one) => one.ended);
    for (const one of this.#running) one.kill();
    await Promise.all(ends);
    await rm(this.#workDir, { recursive: true, force: true });
  }

  #demandComplete(): void {
    if (!this.#complete) throw new Error(`no full copy of ${this.#root.directory} was read to its end`);
  }

  /** Starts the program, which waits. It reads its last state only when it is told to go. */
  #start(before: string, after: string | null): RunningProcess {
    mkdirSync(this.#workDir, { recursive: true, mode: 0o700 });
    const { processRoot, directory } = this.#root;
    const states = [join(this.#workDir, before), after === null ? '-' : join(this.#workDir, after)];
    const running = startProcess(this.#program, [processRoot, directory, ...states]);
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }

  /** What the program writes; its state becomes the one to compare with when all of that has been read. */
  #pass(running: RunningProcess, keep: boolean, gone: Promise<void> = Promise.resolve()): CountedStream {
    const out = new CountedStream({ highWaterMark: STREAM_BUFFER_BYTES });
    const end = () => {
      running.kill();
      running.stdout.resume();
    };
    if (keep)
      out.once('end', () => {
        renameSync(join(this.#workDir, 'state.next'), join(this.#workDir, 'state'));
        this.#complete = true;
      });
    // The reader may attach later; it hears of the error then.
    out.once('error', () => {});
    out.once('close', end);
    const work = async () => {
      await Promise.race([gone, running.ended]);
      running.stdin.end('\n');
      const sent = await pipeline(running.stdout, out, { end: false }).catch(
        (error: unknown) => error as Error,
      );
      const failure = readingError(this.#root.directory, await running.ended, false) ?? sent;
      if (failure) throw failure;
      out.end();
    };
    work().catch((error: unknown) => out.destroy(error as Error));
    return out;
  }
}
