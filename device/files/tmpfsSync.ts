import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { DrayageError } from '../../core/cause.ts';
import type { Tmpfs } from '../../core/tmpfs.ts';
import { parseMountInfo } from '../engine/mountInfo.ts';
import type { ContainerFacts } from '../engine/types.ts';
import { findNativePrograms } from '../memory/nativePrograms.ts';
import { createTreeSource } from './createTreeSource.ts';
import { createTreeTarget } from './createTreeTarget.ts';
import { NotHere } from './pushStream.ts';
import type { TmpfsMounts } from './tmpfsMounts.ts';
import type { FileSource, FileTarget } from './types.ts';

/** Sends a stream to the target; resolves when all of it is in place there. `path`: `full/NAME` or `difference/NAME`. */
export type Put = (path: string, content: Readable) => Promise<void>;

/** While the compute runs, what has changed is sent until it is this little, or so often. */
const LITTLE_BYTES = 1024 * 1024;
const REFRESHES = 3;

/** A compute's file systems in memory that this device sends. */
export type OutgoingTmpfs = Map<string, { path: string; source: FileSource }>;

/** Those that this device is to receive; what has not `arrived` is in CRIU's images. */
export type IncomingTmpfs = Map<string, { directory: string; target: FileTarget; arrived: boolean }>;

/**
 * Sends all of them, then what changed meanwhile. Empty when one of the two devices has no helper for it: then they are left
 * to CRIU, which copies them frozen.
 * @throws DrayageError
 */
export async function sendTmpfs(facts: ContainerFacts, workDir: string, put: Put): Promise<OutgoingTmpfs> {
  const sent: OutgoingTmpfs = new Map();
  const { treeSource } = await findNativePrograms();
  if (treeSource === null) return sent;
  await demandMounted(facts);
  for (const { name, path } of facts.tmpfs) {
    const root = { name, directory: path, processRoot: `/proc/${facts.pid}/root` };
    const source = createTreeSource(root, workDir, treeSource);
    try {
      await put(`full/${name}`, source.full());
      await put(`difference/${name}`, source.difference());
    } catch (error) {
      await source.close();
      if (error instanceof NotHere) return sent;
      throw error;
    }
    sent.set(name, { path, source });
  }
  return sent;
}

/** Shortly before the freeze: only what changes from here on has to be sent in it. @throws DrayageError */
export async function refreshTmpfs(outgoing: OutgoingTmpfs, put: Put): Promise<void> {
  for (const [name, { source }] of outgoing)
    for (let count = 0, bytes = Infinity; count < REFRESHES && bytes > LITTLE_BYTES; count++) {
      const content = source.difference();
      bytes = 0;
      content.on('data', (chunk: Buffer) => (bytes += chunk.length));
      await put(`difference/${name}`, content);
    }
}

/** Makes an empty one for each. None where this device has no helper to fill it. */
export async function expectTmpfs(
  mounts: TmpfsMounts,
  arrival: string,
  list: readonly Tmpfs[],
): Promise<IncomingTmpfs> {
  const expected: IncomingTmpfs = new Map();
  const { treeTarget } = await findNativePrograms();
  if (treeTarget === null) return expected;
  await mounts.release(arrival);
  for (const tmpfs of list) {
    const directory = await mounts.make(arrival, tmpfs);
    const target = createTreeTarget({ name: tmpfs.name, directory }, treeTarget);
    expected.set(tmpfs.name, { directory, target, arrived: false });
  }
  return expected;
}

/** CRIU knows each by its mount point, so it must be mounted where it was asked for. */
async function demandMounted({ pid, tmpfs }: ContainerFacts): Promise<void> {
  const mounts = parseMountInfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
  const elsewhere = tmpfs.find(
    ({ path }) => !mounts.some(({ mountPoint, type }) => mountPoint === path && type === 'tmpfs'),
  );
  if (!elsewhere) return;
  throw new DrayageError({
    code: 'tmpfsElsewhere',
    message: `No tmpfs is mounted at ${elsewhere.path} in the compute: the path leads through a symbolic link of its image.`,
    mend: 'Make the compute anew with the path that the link leads to.',
  });
}
