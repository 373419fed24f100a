import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { DrayageError } from '../../core/cause.ts';
import { LISTING_MAX, type VolumeEntry, type VolumeListing } from '../../core/volumeFiles.ts';

/** Of Linux, which Node does not name: a handle on what is there, without opening it (open(2)). */
const O_PATH = 0o10000000;

/** A file of a volume, being read. */
export interface VolumeFile {
  /** When it was opened; what is written to it meanwhile does not lengthen it. */
  bytes: number;
  content: Readable;
}

/** @throws DrayageError noSuchFile, linkInPath, notADirectory */
export async function listDirectory(root: string, path: string): Promise<VolumeListing> {
  const handle = await walk(root, path);
  try {
    if (!(await handle.stat()).isDirectory()) throw notADirectory(path);
    const names = (await readdir(pathOf(handle))).sort();
    const entries = await Promise.all(
      names.slice(0, LISTING_MAX).map((name) => describe(`${pathOf(handle)}/${name}`, name)),
    );
    // One that has gone meanwhile is not there.
    return { entries: entries.filter((entry) => entry !== null), truncated: names.length > LISTING_MAX };
  } finally {
    await handle.close();
  }
}

/** @throws DrayageError noSuchFile, linkInPath, notADirectory, notAFile */
export async function readVolumeFile(root: string, path: string): Promise<VolumeFile> {
  const handle = await walk(root, path);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notAFile(path);
    const { size: bytes } = stats;
    if (bytes === 0) return { bytes, content: Readable.from([]) };
    const file = await open(pathOf(handle), constants.O_RDONLY);
    return { bytes, content: file.createReadStream({ start: 0, end: bytes - 1 }) };
  } finally {
    await handle.close();
  }
}

/**
 * Goes to a path below a directory, step by step from what was reached before, and through no link: what a program in the
 * compute puts there, before or meanwhile, leads nowhere else. The caller closes the handle, which nothing was opened by.
 */
async function walk(root: string, path: string): Promise<FileHandle> {
  let at = await open(root, O_PATH | constants.O_DIRECTORY);
  for (const name of path.split('/').filter(Boolean)) {
    const next = await step(at, name, path).finally(() => at.close());
    at = next;
  }
  return at;
}

async function step(from: FileHandle, name: string, path: string): Promise<FileHandle> {
  if (name === '.' || name === '..') throw noSuchFile(path);
  const to = await open(`${pathOf(from)}/${name}`, O_PATH | constants.O_NOFOLLOW).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') throw notADirectory(path);
    if (code === 'ENOENT' || code === 'ENAMETOOLONG') throw noSuchFile(path);
    throw error;
  });
  if (!(await to.stat()).isSymbolicLink()) return to;
  await to.close();
  throw new DrayageError({
    code: 'linkInPath',
    message: `${path} goes through a link.`,
    mend: 'Give the path that the link points to, if that is in the volume.',
  });
}

/** What the handle is on, whatever has been renamed since. */
function pathOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

async function describe(file: string, name: string): Promise<VolumeEntry | null> {
  const stats = await lstat(file).catch(() => null);
  if (!stats) return null;
  const bytes = stats.isFile() ? stats.size : 0;
  return { name, kind: kindOf(stats), bytes, modifiedAt: stats.mtime.toISOString() };
}

function kindOf(stats: Stats): VolumeEntry['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

function noSuchFile(path: string): DrayageError {
  return new DrayageError({
    code: 'noSuchFile',
    message: `There is no ${path} in the volume.`,
    mend: 'List the directory that it should be in.',
  });
}

function notADirectory(path: string): DrayageError {
  return new DrayageError({
    code: 'notADirectory',
    message: `${path} is, or goes through, something that is no directory.`,
    mend: 'Ask for its content instead.',
  });
}

function notAFile(path: string): DrayageError {
  return new DrayageError({
    code: 'notAFile',
    message: `${path} is no file.`,
    mend: 'Only files have content that can be read here; list a directory instead.',
  });
}
