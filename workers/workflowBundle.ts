import { createHash, randomUUID } from 'node:crypto';
import { glob, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger, type WorkflowBundle } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** All that a bundle is made of: the workflows, what they import, and the versions of the packages. */
const SOURCES = ['workflows/**/*.ts', 'core/**/*.ts', 'package-lock.json'];
/** A kept bundle that was not used for so long goes, milliseconds. */
const UNUSED_MS = 7 * 24 * 3600 * 1000;

/**
 * The workflows in one file, for a worker. Where a folder for it is given, the bundle is kept there, for making one costs
 * seconds of a processor; other checkouts may share the folder.
 *
 * @throws Error where the workflows use what they may not
 */
export async function workflowBundle(cache: string | null, logger: Logger): Promise<WorkflowBundle> {
  if (cache === null) return bundle(logger);
  const path = join(cache, `workflows-${await sourcesKey()}.js`);
  const kept = await readKept(path);
  if (kept !== null) return { code: kept };
  const made = await bundle(logger);
  // A folder that is full or may not be written to costs the time again, and no more.
  await keep(path, made.code).catch((error: unknown) => {
    logger.warn('the bundle of the workflows is not kept', { path, error: String(error) });
  });
  return made;
}

function bundle(logger: Logger): Promise<WorkflowBundle> {
  return bundleWorkflowCode({ workflowsPath: join(ROOT, 'workflows/index.ts'), logger });
}

async function sourcesKey(): Promise<string> {
  const files: string[] = [];
  for await (const file of glob(SOURCES, { cwd: ROOT, exclude: ['**/*.test.ts'] })) files.push(file);
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const bytes = await readFile(join(ROOT, file));
    hash.update(`${file} ${String(bytes.length)}\n`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

async function readKept(path: string): Promise<string | null> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
  return readFile(path, 'utf8').catch(() => null);
}

/** Whole or not at all: others may read and write the same one. Those that nobody has used for long go. */
async function keep(path: string, code: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const part = `${path}.${randomUUID()}`;
  try {
    await writeFile(part, code);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  for await (const name of glob('workflows-*.js*', { cwd: folder })) {
    const used = await stat(join(folder, name)).catch(() => null);
    if (used !== null && Date.now() - used.mtimeMs > UNUSED_MS) await rm(join(folder, name), { force: true });
  }
}
