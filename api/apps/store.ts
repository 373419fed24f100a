import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildsOf, imagesOfFailed } from '../../db/apps.ts';
import { removeImage } from '../../db/images.ts';
import type { ApiContext } from '../context.ts';
import { archivePath } from '../images/store.ts';
import { isAbandoned, removeAbandoned } from '../removeAbandoned.ts';

const directory = (dataDir: string) => join(dataDir, 'apps');

/** Where an application's archive lies while it is being built. */
export function appArchivePath(dataDir: string, appId: string): string {
  return join(directory(dataDir), `${appId}.tar`);
}

/** Where archives are received; on the same file system, so that a rename puts them in place. */
export function appUploadDirectory(dataDir: string): string {
  return join(directory(dataDir), 'uploads');
}

export async function prepareAppStore(dataDir: string): Promise<void> {
  await mkdir(appUploadDirectory(dataDir), { recursive: true, mode: 0o700 });
}

/** Removes what no build needs any more: archives, uploads that were broken off with their process, images without a compute. */
export async function sweepAppStore({ db, config }: Pick<ApiContext, 'db' | 'config'>): Promise<void> {
  const { dataDir } = config;
  const archives = (await readdir(directory(dataDir))).filter((name) => name.endsWith('.tar'));
  const idOf = (archive: string) => archive.slice(0, -'.tar'.length);
  if (archives.length > 0) {
    const { open, ended } = await buildsOf(db, archives.map(idOf));
    for (const name of archives) {
      const path = join(directory(dataDir), name);
      // One that is in its place already may not be on record yet.
      if (ended.has(idOf(name)) || (!open.has(idOf(name)) && (await isAbandoned(path))))
        await rm(path, { force: true });
    }
  }
  await removeAbandoned(appUploadDirectory(dataDir));
  for (const id of await imagesOfFailed(db))
    await removeImage(db, id, undefined, (digest) => rm(archivePath(dataDir, digest), { force: true }));
}
