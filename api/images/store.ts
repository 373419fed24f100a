import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the archive of an image lies, in `docker save` form. */
export function archivePath(dataDir: string, digest: string): string {
  return join(dataDir, 'images', `${digest.replace('sha256:', '')}.tar`);
}

/** Where uploads are received; on the same file system, so that a rename puts them in place. */
export function uploadDirectory(dataDir: string): string {
  return join(dataDir, 'images', 'uploads');
}

/** Makes the folders; what an earlier process left half received is removed. */
export async function prepareStore(dataDir: string): Promise<void> {
  await rm(uploadDirectory(dataDir), { recursive: true, force: true });
  await mkdir(uploadDirectory(dataDir), { recursive: true, mode: 0o700 });
}
