import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Pack } from 'tar-stream';
import { imageNameSchema } from '../../core/linkMessages.ts';
import { badSnapshot } from '../../core/snapshot.ts';

/** CRIU's figures and our request's leftovers: no restore needs them. */
const LEFT_OUT = /^(stats-dump|dump\.log)/;
const FIXED = { mode: 0o600, mtime: new Date(0), uid: 0, gid: 0 };

/** The images of a dump as one tar. */
export function packImages(directory: string): Readable {
  const archive = pack();
  fill(archive, directory).catch((error: unknown) => archive.destroy(error as Error));
  return archive as unknown as Readable;
}

async function fill(archive: Pack, directory: string): Promise<void> {
  for (const name of (await readdir(directory)).filter((one) => !LEFT_OUT.test(one)).sort()) {
    const { size } = await stat(join(directory, name));
    const entry = archive.entry({ ...FIXED, name, size });
    await pipeline(createReadStream(join(directory, name)), entry);
  }
  archive.finalize();
}

/**
 * Writes the images into a directory, made for root only. Nothing but files of that one directory is taken.
 * @throws DrayageError badSnapshot
 */
export async function unpackImages(archive: Readable, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const entries = extract();
  const fed = pipeline(archive, entries);
  // Waited for below, after what it feeds.
  fed.catch(() => undefined);
  for await (const entry of entries) {
    const { name, type } = entry.header;
    if (type !== 'file' || !imageNameSchema.safeParse(name).success)
      throw badSnapshot(`Its images hold ${JSON.stringify(name.slice(0, 100))}.`);
    const file = createWriteStream(join(directory, name), { mode: 0o600, flags: 'wx' });
    await pipeline(entry as unknown as AsyncIterable<Buffer>, file);
  }
  await fed;
}
