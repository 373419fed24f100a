import { statfs } from 'node:fs/promises';

/** What a file system holds, bytes; 0 for one that is not there. */
export async function usedBytes(path: string): Promise<number> {
  const found = await statfs(path).catch(() => null);
  return found === null ? 0 : (found.blocks - found.bfree) * found.bsize;
}
