import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes come all the time while something is received: what got none for so long was left by a process that has ended, milliseconds. */
export const ABANDONED_MS = 3_600_000;

/** Whether nobody has written to a file for long. False when there is none. */
export async function isAbandoned(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs > ABANDONED_MS;
}

/** Removes what a process that was killed has left half received. Another process may be receiving beside this one. */
export async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (await isAbandoned(path)) await rm(path, { force: true });
  }
}
