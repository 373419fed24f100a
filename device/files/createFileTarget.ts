import { mkdirSync } from 'node:fs';
import { chmod, chown, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArchiveSink } from './ArchiveSink.ts';
import { startHeld, startProcess, type Ended, type RunningProcess } from './childProcess.ts';
import { cancelledError, writingError } from './fileErrors.ts';
import { EXTRACT_ARGUMENTS } from './tarArguments.ts';
import type { ArmedExtraction, FileRoot, FileTarget } from './types.ts';

const JAIL_SCRIPT = join(import.meta.dirname, 'extractJail.sh');

/** Removes the names it reads; `find` would follow no link either, but cannot read names. */
const REMOVE_ARGUMENTS = ['xargs', '--null', '--no-run-if-empty', 'rm', '--recursive', '--force', '--'];
const CLEAR_ARGUMENTS = ['find', '.', '-mindepth', '1', '-delete'];

/** Options of `createFileTarget`. */
export interface FileTargetOptions {
  /**
   * Run what writes where it sees nothing but the directory; needs root. Without it a stream made for that purpose can
   * write anywhere through a symbolic link. @default true when root
   */
  jail?: boolean;
}

/**
 * Writes one directory of a compute from the streams of `createFileSource`. Clocks of the two devices are never
 * compared. The directory must exist, and nothing else may write to it.
 *
 * @param workDir directory of this move, made if missing; nothing is left in it after `close`
 */
export function createFileTarget(
  root: FileRoot,
  workDir: string,
  options: FileTargetOptions = {},
): FileTarget {
  const jailed = options.jail ?? process.getuid?.() === 0;
  return new TarFileTarget(root.directory, jailed ? join(workDir, `${root.name}.jail`) : null);
}

class TarFileTarget implements FileTarget {
  readonly #directory: string;
  readonly #jail: string | null;
  readonly #running = new Set<RunningProcess>();

  constructor(directory: string, jail: string | null) {
    this.#directory = directory;
    this.#jail = jail;
  }

  async applyFull(stream: Readable): Promise<{ bytes: number }> {
    const clear = this.#startInside(CLEAR_ARGUMENTS);
    this.#demand(await clear.ended);
    return this.applyDifference(stream);
  }

  async applyDifference(stream: Readable): Promise<{ bytes: number }> {
    const { sink, applied, processes } = this.#startExtraction();
    const fed = pipeline(stream, sink).catch((error: unknown) => {
      for (const one of processes) one.kill();
      return error as Error;
    });
    const [broken, failed] = await Promise.all([fed, applied.catch((error: unknown) => error as Error)]);
    const error = broken ?? failed;
    if (error) throw error;
    await this.#flush(this.#track(startProcess('sync', ['--file-system', this.#directory])));
    return { bytes: sink.bytes };
  }

  armFinal(mergedDir?: string): ArmedExtraction {
    const { sink, applied, processes } = this.#startExtraction();
    const sync = this.#track(startHeld('sync', ['--file-system', this.#directory]));
    const remount = ['mount', '-o', 'remount,rw', mergedDir ?? ''];
    const refresh = mergedDir ? this.#track(startHeld('/bin/busybox', remount)) : null;
    const kill = (): void => [...processes, sync, ...(refresh ? [refresh] : [])].forEach((one) => one.kill());
    let cancelled = false;
    const fail = (error: Error): never => {
      kill();
      throw cancelled ? cancelledError(this.#directory) : error;
    };
    // A sender that goes away ends the attempt; whoever pipes into the sink hears of it there.
    sink.once('error', kill);
    const shown = async (): Promise<void> => {
      if (refresh && mergedDir) await this.#showThrough(mergedDir, refresh);
    };
    const done = applied.then(shown).catch(fail);
    const flushed = applied.then(() => this.#flush(sync, () => sync.release())).catch(fail);
    // Each is awaited by somebody, but not always in time for Node's check.
    for (const promise of [done, flushed]) promise.catch(() => {});
    const cancel = (): void => {
      cancelled = true;
      kill();
      sink.destroy();
    };
    return { stream: sink, done, flushed, cancel };
  }

  async close(): Promise<void> {
    const ends = [...this.#running].map((one) => one.ended);
    for (const one of this.#running) one.kill();
    await Promise.all(ends);
    if (this.#jail) await rmdir(this.#jail).catch(ignoreMissing);
  }

  /** Starts tar and the remover; both wait for their input. */
  #startExtraction(): { sink: ArchiveSink; applied: Promise<void>; processes: RunningProcess[] } {
    const remover = this.#startInside(REMOVE_ARGUMENTS);
    const tar = this.#startInside(['tar', ...EXTRACT_ARGUMENTS]);
    let removals = false;
    const sink = new ArchiveSink({
      archive: tar.stdin,
      refusal: (said) => this.#refusal(said),
      remove: async (names) => {
        removals = true;
        if (!remover.stdin.write(names))
          await Promise.race([new Promise((go) => remover.stdin.once('drain', go)), remover.ended]);
      },
      removed: async () => {
        remover.stdin.end();
        // In most differences nothing goes; then there is nothing to wait for.
        if (removals) this.#demand(await remover.ended);
      },
    });
    const applied = Promise.all([tar.ended, remover.ended]).then((ends) => {
      ends.forEach((ended) => this.#demand(ended));
      if (!sink.whole) throw this.#refusal('the archive ends too early');
    });
    applied.catch(() => {});
    void tar.ended.then(() => remover.stdin.end());
    return { sink, applied, processes: [tar, remover] };
  }

  /** Starts a program with the directory as its current one; it sees little else. */
  #startInside(command: readonly string[]): RunningProcess {
    if (!this.#jail)
      return this.#track(discardOutput(startProcess('env', command, { cwd: this.#directory })));
    mkdirSync(this.#jail, { recursive: true, mode: 0o700 });
    const args = ['--mount', JAIL_SCRIPT, this.#jail, this.#directory, ...command];
    return this.#track(discardOutput(startProcess('unshare', args)));
  }

  #track<T extends RunningProcess>(one: T): T {
    this.#running.add(one);
    void one.ended.then(() => this.#running.delete(one));
    return one;
  }

  #demand(ended: Ended): void {
    if (ended.exitCode !== 0) throw writingError(this.#directory, ended);
  }

  #refusal(said: string): Error {
    return writingError(this.#directory, { exitCode: 0, signal: null, said });
  }

  async #flush(sync: RunningProcess, release = (): void => {}): Promise<void> {
    sync.stdout.resume();
    release();
    this.#demand(await sync.ended);
  }

  /**
   * Makes a mounted overlay show what was changed in its upper directory behind its back: a remount drops its cached
   * names. busybox's mount calls mount(2); the newer call that util-linux uses is refused by overlay ("No changes
   * allowed in reconfigure"). The root directory itself stays cached for as long as it is mounted, so its owner and mode
   * are set through it.
   */
  async #showThrough(mergedDir: string, refresh: RunningProcess & { release(): void }): Promise<void> {
    discardOutput(refresh).release();
    const ended = await refresh.ended;
    if (ended.exitCode !== 0) throw writingError(mergedDir, ended);
    const wanted = await stat(this.#directory);
    await chown(mergedDir, wanted.uid, wanted.gid);
    await chmod(mergedDir, wanted.mode & 0o7777);
  }
}

function discardOutput<T extends RunningProcess>(one: T): T {
  one.stdout.resume();
  return one;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
