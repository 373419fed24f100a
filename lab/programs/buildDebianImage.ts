import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../device/exists.ts';
import { run } from '../machine/run.ts';
import { cacheDirectory } from './cacheDirectory.ts';

/** The release that the devices of the lab are made of; see scripts/needs.sh. */
const SUITE = 'forky';
/** Gives the links /bin, /lib, /lib64 and the like, which packages take for granted. */
const BASE = 'base-files';
const BUILD_TIMEOUT_MS = 600_000;

/** Programs of Debian, to be a compute. */
export interface DebianImage {
  name: string;
  packages: string[];
  /** Further files, by their path. */
  files: Record<string, string>;
}

/**
 * Makes an image of Debian's packages and what they depend on, extracted, not configured: no maintainer script runs. Kept in
 * the cache folder by what it is made of. Resolves with its tar and with the directory of the same content, so that the
 * package's clients can be run on this machine (`chroot root ...`). @throws DrayageError commandFailed
 */
export async function buildDebianImage(image: DebianImage): Promise<{ path: string; root: string }> {
  const { name, packages, files } = image;
  const recipe = JSON.stringify({ SUITE, BASE, arch: process.arch, packages, files });
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 16);
  const place = join(cacheDirectory(), `debian-${name}-${key}`);
  const made = { path: join(place, 'image.tar'), root: join(place, 'root') };
  if (await exists(place)) return made;
  await mkdir(cacheDirectory(), { recursive: true });
  const building = await mkdtemp(join(cacheDirectory(), `debian-${name}-building.`));
  try {
    const root = join(building, 'root');
    const include = `--include=${[BASE, ...packages].join(',')}`;
    // An old index of the archive is good enough, as for the devices.
    const options = ['--variant=extract', '--aptopt=Acquire::Check-Valid-Until "false"', include];
    await run('mmdebstrap', [...options, SUITE, root], { timeoutMs: BUILD_TIMEOUT_MS });
    for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text);
    const tar = [
      '--create',
      `--file=${join(building, 'image.tar')}`,
      '--numeric-owner',
      '--exclude=./dev/*',
      '.',
    ];
    await run('tar', [`--directory=${root}`, ...tar], { timeoutMs: BUILD_TIMEOUT_MS });
    // Of two that build it at the same time, the first to end wins with the same content.
    await rename(building, place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return made;
}
