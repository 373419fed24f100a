import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import type Docker from 'dockerode';
import { DrayageError } from '../../core/cause.ts';
import { engineError, hasStatus } from './engineErrors.ts';

/** Loads an archive in `docker save` form; the engine unpacks it while it comes. */
export async function loadArchive(docker: Docker, archive: Readable): Promise<void> {
  let broken: Error | null = null;
  archive.once('error', (error: Error) => (broken = error));
  try {
    const progress = Readable.from(await docker.loadImage(archive, { quiet: true }));
    for await (const line of createInterface({ input: progress })) throwOnError(line);
    await finished(progress);
  } catch (error) {
    throw broken ?? engineError(error, 'loading an image');
  } finally {
    archive.destroy();
  }
}

/** Errors come in the body, after a status of 200. */
function throwOnError(line: string): void {
  if (!line.trim()) return;
  const { error } = JSON.parse(line) as { error?: string };
  if (!error) return;
  if (/no space left on device/i.test(error)) throw Object.assign(new Error(error), { statusCode: 500 });
  throw new DrayageError({
    code: 'imageInvalid',
    message: `The container engine cannot read the image: ${error}.`,
    mend: 'Make the archive anew with docker save, and check that it was copied whole.',
  });
}

export async function imageExists(docker: Docker, reference: string): Promise<boolean> {
  try {
    await docker.getImage(reference).inspect();
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw engineError(error, 'looking for an image');
  }
}

/** All images with their layers; one that is removed meanwhile is passed over. */
export async function listImages(docker: Docker): Promise<{ digest: string; layers: string[] }[]> {
  try {
    const listed = await docker.listImages();
    const found = await Promise.all(
      listed.map(async ({ Id }) => {
        try {
          const { RootFS } = await docker.getImage(Id).inspect();
          return { digest: Id, layers: RootFS.Layers ?? [] };
        } catch (error) {
          if (hasStatus(error, 404)) return null;
          throw error;
        }
      }),
    );
    return found.filter((image) => image !== null);
  } catch (error) {
    throw engineError(error, 'listing images');
  }
}

/** @throws DrayageError when the archive that was loaded did not hold the image it should */
export async function demandImage(docker: Docker, digest: string): Promise<void> {
  if (await imageExists(docker, digest)) return;
  throw new DrayageError({
    code: 'imageMismatch',
    message: `The archive does not hold the image ${digest}.`,
    mend: 'Import the image again; the engine of the device must keep images as the one does that saved it.',
  });
}
