import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';
import { until } from '../../core/until.ts';

/** Makes a sparse file of `bytes` with an ext4 file system in it. Costs what is written, not its size. */
export async function makeDisk(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  await handle.truncate(bytes);
  await handle.close();
  await run('mkfs.ext4', [
    '-q',
    '-F',
    '-m',
    '0',
    '-E',
    'lazy_itable_init=1,lazy_journal_init=1,nodiscard',
    file,
  ]);
}

/** Loop devices that stand on files below a directory; deleted files too. */
export async function loopsBelow(directory: string): Promise<string[]> {
  const { stdout } = await run('losetup', ['--list', '--json', '--output', 'NAME,BACK-FILE']);
  if (stdout.trim() === '') return [];
  const { loopdevices } = JSON.parse(stdout) as {
    loopdevices: { name: string; 'back-file': string | null }[];
  };
  return loopdevices
    .filter((loop) => loop['back-file']?.startsWith(join(directory, '/')) === true)
    .map((loop) => loop.name);
}

/**
 * Waits until no loop device stands on a file below the directory. They free themselves when the last mount is gone;
 * one that was made and never mounted (a crash between the two) is detached here.
 */
export async function releaseLoops(directory: string, timeoutMs = 10_000): Promise<void> {
  await until(`the loop devices of ${directory} to be free`, timeoutMs, async () => {
    const loops = await loopsBelow(directory);
    for (const loop of loops) await run('losetup', ['--detach', loop], { allowFailure: true });
    return loops.length === 0;
  });
}

/** Bytes that a file takes on the disk, as opposed to its length. */
export async function bytesOnDisk(file: string): Promise<number> {
  return (await stat(file)).blocks * 512;
}
