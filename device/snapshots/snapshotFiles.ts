import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { partName } from '../../core/snapshot.ts';
import type { ContainerFacts } from '../engine/types.ts';
import { createFileSource } from '../files/createFileSource.ts';
import { rootsOf } from '../files/fileSync.ts';
import { type OutgoingTmpfs, refreshTmpfs, sendTmpfs } from '../files/tmpfsSync.ts';
import type { ArmedDifference, FileSource } from '../files/types.ts';

/** Keeps one part. */
type Put = (part: string, content: Readable) => Promise<void>;

interface Final {
  part: string;
  armed: ArmedDifference;
  /** Where the difference waits on this device until it is sent. */
  file: string;
}

/**
 * The files of a compute for a snapshot, as a move takes them: all of them while it runs, then what has changed, and while
 * it is frozen what has changed since. That last part is small, and goes to this device's disk first, so that no network is
 * waited for in the freeze.
 */
export class SnapshotFiles {
  readonly #facts: ContainerFacts;
  readonly #workDir: string;
  readonly #put: Put;
  readonly #sources = new Map<string, FileSource>();
  readonly #count = new Map<string, number>();
  #tmpfs: OutgoingTmpfs = new Map();
  #finals: Final[] = [];

  /** @param workDir directory on disk of this snapshot; emptied by who made it */
  constructor(facts: ContainerFacts, workDir: string, put: Put) {
    this.#facts = facts;
    this.#workDir = workDir;
    this.#put = put;
  }

  /** While the compute runs: all files, and what changed meanwhile. */
  async copy(): Promise<void> {
    await mkdir(this.#workDir, { recursive: true, mode: 0o700 });
    for (const root of rootsOf(this.#facts)) {
      const source = createFileSource(root, this.#workDir);
      this.#sources.set(root.name, source);
      await this.#put(this.#next(root.name), source.full());
      await this.#put(this.#next(root.name), source.difference());
    }
    this.#tmpfs = await sendTmpfs(this.#facts, this.#workDir, (path, content) => this.#sent(path, content));
  }

  /** Mounts whose content is kept here and not by CRIU; see writeCriuConfig. */
  get external(): Map<string, string> {
    return new Map([...this.#tmpfs].map(([name, { path }]) => [path, name]));
  }

  /** Starts what reads the last difference; it waits. */
  async arm(): Promise<void> {
    await refreshTmpfs(this.#tmpfs, (path, content) => this.#sent(path, content));
    const tmpfs = [...this.#tmpfs].map(([name, { source }]) => [name, source] as const);
    for (const [root, source] of [...this.#sources, ...tmpfs]) {
      const part = this.#next(root);
      this.#finals.push({ part, armed: source.armFinal(), file: join(this.#workDir, part) });
    }
  }

  /** While the compute is frozen: the last difference of each tree, onto this device's disk. */
  async capture(): Promise<void> {
    await Promise.all(
      this.#finals.map(async ({ armed, file }) => {
        armed.go();
        await Promise.all([pipeline(armed.stream, createWriteStream(file, { mode: 0o600 })), armed.done]);
      }),
    );
  }

  /** What `capture` has left, by the names of their parts; each may be read again. */
  captured(): Map<string, () => Readable> {
    return new Map(this.#finals.map(({ part, file }) => [part, () => createReadStream(file)]));
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    for (const { armed } of this.#finals.splice(0)) {
      armed.cancel();
      await armed.done.catch(() => undefined);
    }
    for (const source of this.#sources.values()) await source.close();
    for (const { source } of this.#tmpfs.values()) await source.close();
  }

  /** `full/NAME` or `difference/NAME`: they come in their order. */
  #sent(path: string, content: Readable): Promise<void> {
    return this.#put(this.#next(path.slice(path.indexOf('/') + 1)), content);
  }

  #next(root: string): string {
    const number = this.#count.get(root) ?? 0;
    this.#count.set(root, number + 1);
    return partName(root, number);
  }
}
