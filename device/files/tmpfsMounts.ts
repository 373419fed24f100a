import { execFile } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Tmpfs } from '../../core/tmpfs.ts';

const run = promisify(execFile);

/**
 * The file systems in memory of computes that arrive, filled before their processes are restored into them. CRIU binds them
 * into the compute; from then on they live and end with it, and the mounts here are of no more use.
 */
export class TmpfsMounts {
  readonly #root: string;

  /** @param root directory of its own, seen by whoever runs CRIU */
  constructor(root: string) {
    this.#root = root;
  }

  /** An empty one, with the rights that Docker gives. `arrival`: a name for one compute of one move. */
  async make(arrival: string, tmpfs: Tmpfs): Promise<string> {
    const directory = join(this.#root, arrival, tmpfs.name);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const options = `size=${tmpfs.sizeBytes},mode=1777,nosuid,nodev,noexec`;
    await run('mount', ['-t', 'tmpfs', '-o', options, 'drayage-tmpfs', directory]);
    return directory;
  }

  /** Nothing there is no error. */
  async release(arrival: string): Promise<void> {
    const above = join(this.#root, arrival);
    for (const name of await readdir(above).catch(() => [])) await unmountAll(join(above, name));
    await rm(above, { recursive: true, force: true });
  }

  /** At start: those of moves that an earlier worker began. */
  async clear(): Promise<void> {
    for (const arrival of await readdir(this.#root).catch(() => [])) await this.release(arrival);
  }
}

/** Several may lie on each other. */
async function unmountAll(directory: string): Promise<void> {
  const again = () =>
    run('umount', ['-l', directory]).then(
      () => true,
      () => false,
    );
  while (await again());
}
