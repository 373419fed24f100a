import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeAbandoned } from '../removeAbandoned.ts';

/** Where the archive of an image lies, in `docker save` form. */
export function archivePath(dataDir: string, digest: string): string {
  return join(dataDir, 'images', `${digest.replace('sha256:', '')}.tar`);
}

/** Where archives are received and made; on the same file system, so that a rename puts them in place. */
export function uploadDirectory(dataDir: string): string {
  return join(dataDir, 'images', 'uploads');
}

/** Where that lies which has come of an upload in parts. */
export function partPath(dataDir: string, uploadId: string): string {
  return join(partDirectory(dataDir), uploadId);
}

function partDirectory(dataDir: string): string {
  return join(dataDir, 'images', 'parts');
}

/** Makes the folders. */
export async function prepareStore(dataDir: string): Promise<void> {
  for (const directory of [uploadDirectory(dataDir), partDirectory(dataDir)])
    await mkdir(directory, { recursive: true, mode: 0o700 });
  await removeLeftovers(dataDir);
}

/** Removes what a process that was killed has left half received. Another process may be receiving beside this one. */
export async function removeLeftovers(dataDir: string): Promise<void> {
  await removeAbandoned(uploadDirectory(dataDir));
}
