import { watch } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './exists.ts';

/** Where a transfer can be stopped on purpose, in order. */
export const FAILPOINTS = [
  /** The files are about to be copied. */
  'source.syncing',
  /** A round of the memory is about to begin. */
  'source.copying',
  /** Frozen and off the network; the dump has not begun. */
  'source.frozen',
  /** Everything is on its way; the offer is not written yet. */
  'source.dumped',
  /** The offer is on disk; the manifest has not left. */
  'source.offered',
  /** `handed` is on disk; `go` has not left. */
  'source.handed',
  /** `go` has left. */
  'source.go',
  /** Nothing is made on the target yet. */
  'target.preparing',
  /** Nothing of the hot window is started yet. */
  'target.arming',
  /** All images and files are here; nothing is restored. */
  'target.restoring',
  /** From its restore on, only what the compute asks for is filled in; nothing else of the move waits. */
  'target.filling',
  /** Restored behind shut queues; `ready` is not said. */
  'target.ready',
  /** `owner` is on disk; the gate is shut. */
  'target.owner',
  /** The gate is open; `live` is not said. */
  'target.live',
  /** `discarded` is on disk; it is not said. */
  'target.discarded',
  /** The files of a compute are about to be copied for a snapshot. */
  'snapshot.copying',
  /** Frozen for a snapshot; the dump has not begun. */
  'snapshot.frozen',
  /** The compute runs on; what was taken while it was frozen has not left. */
  'snapshot.taken',
  /** Everything of a snapshot is here; nothing is restored. */
  'snapshot.restoring',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/**
 * Faults on demand, for the proofs of the ownership protocol and for drills on real devices. Root puts a file named for a
 * point into `<run directory>/failpoints`: `pause` waits there until the file is removed (and shows that it does by a file
 * `<point>.reached`), `kill` ends the worker as SIGKILL does. Read when a transfer is armed and
 * before each earlier step; nothing there costs nothing.
 */
export class Failpoints {
  readonly #directory: string;
  readonly #armed: Map<string, string>;

  private constructor(directory: string, armed: Map<string, string>) {
    this.#directory = directory;
    this.#armed = armed;
  }

  static async load(runDir: string): Promise<Failpoints> {
    const directory = join(runDir, 'failpoints');
    const armed = new Map<string, string>();
    for (const name of await readdir(directory).catch(() => [])) {
      if ((FAILPOINTS as readonly string[]).includes(name))
        armed.set(name, (await readFile(join(directory, name), 'utf8')).trim());
    }
    return new Failpoints(directory, armed);
  }

  /** The point's file, for a helper that waits there in the worker's place; null when nothing is armed. */
  fileOf(point: Failpoint): string | null {
    return this.#armed.has(point) ? join(this.#directory, point) : null;
  }

  /** Passes, waits, or does not return. */
  async hit(point: Failpoint): Promise<void> {
    const action = this.#armed.get(point);
    if (action === undefined) return;
    const file = join(this.#directory, point);
    if (!(await exists(file))) return;
    await writeFile(`${file}.reached`, '');
    if (action === 'kill') process.kill(process.pid, 'SIGKILL');
    await this.#removed(file);
  }

  async #removed(file: string): Promise<void> {
    let wake = () => {};
    const watcher = watch(this.#directory, () => wake());
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        if (!(await exists(file))) return;
        await changed;
      }
    } finally {
      watcher.close();
    }
  }
}
