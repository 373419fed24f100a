import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startProcess, type RunningProcess } from './childProcess.ts';
import { cancelledError, writingError } from './fileErrors.ts';
import { ProcessInput } from './ProcessInput.ts';
import type { ArmedExtraction, FileRoot, FileTarget } from './types.ts';

/**
 * Writes a tmpfs from the streams of `createTreeSource` (device/native/src/tree-target.c). The directory must exist, and
 * nothing else may write to it. There is no disk to flush to: what is in place counts as flushed.
 *
 * @param program path of tree-target
 */
export function createTreeTarget(root: FileRoot, program: string): FileTarget {
  return new TreeFileTarget(root.directory, program);
}

class TreeFileTarget implements FileTarget {
  readonly #directory: string;
  readonly #program: string;
  readonly #running = new Set<RunningProcess>();

  constructor(directory: string, program: string) {
    this.#directory = directory;
    this.#program = program;
  }

  applyFull(stream: Readable): Promise<{ bytes: number }> {
    return this.#apply(stream, ['--afresh']);
  }

  applyDifference(stream: Readable): Promise<{ bytes: number }> {
    return this.#apply(stream, []);
  }

  armFinal(): ArmedExtraction {
    const running = this.#start([]);
    const stream = new ProcessInput(running.stdin);
    let cancelled = false;
    const done = running.ended.then((ended) => {
      if (cancelled) throw cancelledError(this.#directory);
      if (ended.exitCode !== 0) throw writingError(this.#directory, ended);
    });
    // Awaited by somebody, but not always in time for Node's check.
    done.catch(() => {});
    // A sender that goes away ends the attempt; whoever pipes into the stream hears of it there.
    stream.once('error', () => running.kill());
    const cancel = (): void => {
      cancelled = true;
      running.kill();
      stream.destroy();
    };
    return { stream, done, flushed: done, cancel };
  }

  async close(): Promise<void> {
    const ends = [...this.#running].map((one) => one.ended);
    for (const one of this.#running) one.kill();
    await Promise.all(ends);
  }

  async #apply(stream: Readable, options: string[]): Promise<{ bytes: number }> {
    const running = this.#start(options);
    const input = new ProcessInput(running.stdin);
    const fed = await pipeline(stream, input).then(
      () => null,
      (error: unknown) => error as Error,
    );
    if (fed) running.kill();
    const ended = await running.ended;
    if (fed) throw fed;
    if (ended.exitCode !== 0) throw writingError(this.#directory, ended);
    return { bytes: input.bytes };
  }

  #start(options: string[]): RunningProcess {
    const running = startProcess(this.#program, [this.#directory, ...options]);
    running.stdout.resume();
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }
}
