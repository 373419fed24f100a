import { type AppManifest, MANIFEST_NAME, readAppManifest } from '../../../core/appManifest.ts';
import { DrayageError } from '../../../core/cause.ts';
import { IGNORE_NAME, ignoredBy } from './ignored.ts';
import { commonFolder, type PickedFile } from './pickFiles.ts';
import { packTar } from './tar.ts';

/** What was chosen, ready to be sent. */
export interface ReadApplication {
  /** Of the folder or the archive. */
  name: string;
  archive: Blob;
  /** Null of an archive, which only the control plane looks into. */
  manifest: AppManifest | null;
  files: number;
  /** That stay behind, because of .git and .drayageignore. */
  ignored: number;
}

const ARCHIVE = /\.(tar|tar\.gz|tgz)$/i;

/**
 * An application of a folder or of a tar of it. A folder is packed where it is: its files are read when they are sent.
 * @throws DrayageError notAnApplication, RefusedError as the manifest is wrong
 */
export async function readApplication(picked: readonly PickedFile[]): Promise<ReadApplication> {
  const [only] = picked;
  if (picked.length === 1 && only && ARCHIVE.test(only.path) && !only.path.includes('/')) {
    const name = only.path.replace(ARCHIVE, '');
    return { name, archive: only.file, manifest: null, files: 1, ignored: 0 };
  }
  const folder = commonFolder(picked);
  if (folder === null)
    throw new DrayageError({
      code: 'notAnApplication',
      message: 'That is neither one folder nor one archive (.tar, .tar.gz, .tgz).',
      mend: `Choose the folder that has ${MANIFEST_NAME} in it, or a tar of it.`,
    });
  const text = (path: string) => folder.files.find((one) => one.path === path)?.file.text();
  const manifest = readAppManifest((await text(MANIFEST_NAME)) ?? null);
  const isIgnored = ignoredBy((await text(IGNORE_NAME)) ?? '');
  const kept = folder.files.filter(({ path }) => !isIgnored(path));
  const archive = packTar(
    kept.map(({ path, file }) => ({ path, content: file, modifiedAt: file.lastModified })),
  );
  return { name: folder.name, archive, manifest, files: kept.length, ignored: picked.length - kept.length };
}
