import { cp, mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../machine/run.ts';
import type { Lab } from '../state.ts';

/** What of a checkout a device needs beside its npm packages; `lab` and `test` have programs that run on devices. */
const PARTS = [
  'activities',
  'api',
  'core',
  'db',
  'deploy',
  'device',
  'lab',
  'test/lab',
  'workers',
  'workflows',
];
const SIZE_BYTES = 256 * 1024 * 1024;
const MAKE_TIMEOUT_MS = 120_000;

/** Where the lab's guests have their checkout from: a file system image, read-only, as the checkout is now. */
export function codeDisk(lab: Lab): string {
  return join(lab.paths.root, 'code.img');
}

/** Copies what devices need of the checkout into the lab's image of it. */
export async function makeCodeDisk(lab: Lab): Promise<void> {
  const building = await mkdtemp(join(lab.paths.root, 'code.'));
  try {
    const tree = join(building, 'tree');
    // Their packages are on a disk of their own, mounted here.
    await mkdir(join(tree, 'node_modules'), { recursive: true });
    for (const part of [...PARTS, 'package.json'])
      await cp(join(lab.checkout, part), join(tree, part), { recursive: true });
    const image = join(building, 'code.img');
    await writeFile(image, '');
    await truncate(image, SIZE_BYTES);
    const options = ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-L', 'drayage-code', '-d', tree];
    await run('mke2fs', [...options, image], { timeoutMs: MAKE_TIMEOUT_MS });
    await rename(image, codeDisk(lab));
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}
