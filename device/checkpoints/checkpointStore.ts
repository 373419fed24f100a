import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CheckpointPlace, sealedAs } from '../../core/checkpoint.ts';
import { DrayageError } from '../../core/cause.ts';
import { OpeningStream } from '../../core/sealedStream.ts';

/** Of a checkpoint that has not come as a whole. */
const COMING = '.coming';

/**
 * Checkpoints of other devices' computes, as they come: sealed with a key that this device has not got. Of a compute the last
 * whole one is kept, until the next one is there.
 */
export class CheckpointStore {
  readonly #root: string;

  /** @param root directory on disk; made when it is needed */
  constructor(root: string) {
    this.#root = root;
  }

  /** Keeps a part of one that is coming; a part that is there is replaced. */
  async put(place: CheckpointPlace, part: string, content: Readable): Promise<void> {
    const folder = this.#folder(place) + COMING;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await pipeline(content, createWriteStream(join(folder, part), { mode: 0o600, flush: true }));
  }

  /** All of its parts have come: from here on it is the one that is kept. Twice is as once. */
  async commit(place: CheckpointPlace, parts: readonly string[]): Promise<void> {
    const folder = this.#folder(place);
    const there = new Set(await readdir(folder + COMING).catch(() => readdir(folder).catch(() => [])));
    const missing = parts.find((part) => !there.has(part));
    if (missing !== undefined) throw incomplete(place, missing);
    await rename(folder + COMING, folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    await syncDirectory(join(this.#root, place.computeId));
    await this.#removeOthers(place);
  }

  /** A part as it was before it was sealed; the stream fails where it is missing or damaged. */
  open(place: CheckpointPlace, part: string, key: string): Readable {
    const sealed = createReadStream(join(this.#folder(place), part));
    const opening = new OpeningStream(Buffer.from(key, 'hex'), sealedAs(place, part));
    sealed.once('error', (error) => opening.destroy(error));
    opening.once('close', () => sealed.destroy());
    return sealed.pipe(opening);
  }

  /** Whether there is a whole one of a compute under this epoch. */
  async has(computeId: string, epoch: number): Promise<boolean> {
    const names = await readdir(join(this.#root, computeId)).catch(() => []);
    return names.some((name) => name.startsWith(`${String(epoch)}-`) && !name.endsWith(COMING));
  }

  /** Computes of which there is something. */
  computes(): Promise<string[]> {
    return readdir(this.#root).catch(() => []);
  }

  /** Nothing of a compute is kept any more. */
  async forget(computeId: string): Promise<void> {
    await rm(join(this.#root, computeId), { recursive: true, force: true });
  }

  async #removeOthers({ computeId, epoch, number }: CheckpointPlace): Promise<void> {
    const folder = join(this.#root, computeId);
    const kept = nameOf(epoch, number);
    for (const name of await readdir(folder))
      if (name !== kept) await rm(join(folder, name), { recursive: true, force: true });
  }

  #folder({ computeId, epoch, number }: CheckpointPlace): string {
    return join(this.#root, computeId, nameOf(epoch, number));
  }
}

const nameOf = (epoch: number, number: number) => `${String(epoch)}-${String(number)}`;

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function incomplete({ computeId, number }: CheckpointPlace, part: string): DrayageError {
  return new DrayageError({
    code: 'checkpointIncomplete',
    message: `Checkpoint ${String(number)} of ${computeId} is not whole: ${part} has not come.`,
    mend: 'Nothing has to be done: the next one is taken in its time.',
  });
}
