import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Renames a file into place; both its bytes and its name are on disk afterwards. */
export async function putInPlace(from: string, to: string): Promise<void> {
  await syncPath(from);
  await rename(from, to);
  await syncPath(dirname(to));
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
