import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { DrayageError } from '../../core/cause.ts';
import { readBusybox } from '../../device/engine/sandboxImage.ts';
import { exists } from '../../device/exists.ts';
import { run } from '../machine/run.ts';
import { cacheDirectory } from './cacheDirectory.ts';

const COMPILER_FLAGS = ['-O2', '-static', '-s', '-pthread', '-Wall', '-Wextra'];
const COMPILE_TIMEOUT_MS = 60_000;

const DIRECTORIES = ['bin', 'data', 'dev', 'etc', 'proc', 'sys'];
/** Programs of busybox for who looks into a compute. */
const APPLETS = [
  'sh',
  'ash',
  'cat',
  'ls',
  'echo',
  'env',
  'false',
  'grep',
  'head',
  'id',
  'ip',
  'kill',
  'mount',
].concat(['ps', 'rm', 'sleep', 'stat', 'sync', 'tail', 'touch', 'true', 'uname', 'wc']);
const FILES: Record<string, string> = {
  'etc/passwd': 'root:x:0:0:root:/:/bin/sh\n',
  'etc/group': 'root:x:0:\n',
};

/** How a program is built for another processor than this machine's: a compiler, and a static busybox. */
export interface ForeignTarget {
  compiler: string;
  busybox: string;
}

/**
 * Builds a program of the lab and resolves with the path of a tar of its root file system: /bin/NAME, linked statically from
 * its sources (C files and what they include), busybox, nothing else. Kept in the cache folder, by what it is made of; needs
 * gcc only when it is not there. @throws DrayageError compilerMissing, busyboxMissing, commandFailed
 * @param target another processor than this machine's
 */
export async function buildProgramImage(
  name: string,
  sources: readonly string[],
  target: ForeignTarget | null = null,
): Promise<string> {
  const compiler = target?.compiler ?? 'gcc';
  const [busybox, ...texts] = await Promise.all([
    readBusybox(target?.busybox),
    ...sources.map((path) => readFile(path)),
  ]);
  const cache = cacheDirectory();
  const path = join(cache, `${name}-${keyOf([...texts, busybox, JSON.stringify(recipe(compiler))])}.tar`);
  if (await exists(path)) return path;
  await mkdir(cache, { recursive: true });
  const building = await mkdtemp(join(cache, `${name}-building.`));
  try {
    const program = await compile(compiler, sources, join(building, name));
    await writeFile(join(building, 'image.tar'), await rootFileSystem(name, program, busybox));
    // Of two that build it at the same time, the last to end wins with the same content.
    await rename(join(building, 'image.tar'), path);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return path;
}

function recipe(compiler: string) {
  return { arch: process.arch, compiler, COMPILER_FLAGS, DIRECTORIES, APPLETS, FILES };
}

function keyOf(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex').slice(0, 16);
}

async function compile(compiler: string, sources: readonly string[], output: string): Promise<Buffer> {
  try {
    const files = sources.filter((path) => path.endsWith('.c'));
    await run(compiler, [...COMPILER_FLAGS, '-o', output, ...files], { timeoutMs: COMPILE_TIMEOUT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new DrayageError({
      code: 'compilerMissing',
      message: `${basename(output)} cannot be built: there is no ${compiler}.`,
      mend: 'Install it: apt-get install gcc libc6-dev (gcc-aarch64-linux-gnu libc6-dev-arm64-cross for arm64).',
    });
  }
  return readFile(output);
}

/** The same input gives the same bytes. */
function rootFileSystem(name: string, program: Buffer, busybox: Buffer): Promise<Buffer> {
  const tar = pack();
  const common = { mtime: new Date(0), uid: 0, gid: 0 };
  for (const directory of DIRECTORIES)
    tar.entry({ ...common, name: `${directory}/`, type: 'directory', mode: 0o755 });
  tar.entry({ ...common, name: 'tmp/', type: 'directory', mode: 0o1777 });
  tar.entry({ ...common, name: `bin/${name}`, mode: 0o755 }, program);
  tar.entry({ ...common, name: 'bin/busybox', mode: 0o755 }, busybox);
  for (const applet of APPLETS) {
    tar.entry({ ...common, name: `bin/${applet}`, type: 'symlink', linkname: 'busybox', mode: 0o777 });
  }
  for (const [path, text] of Object.entries(FILES)) tar.entry({ ...common, name: path, mode: 0o644 }, text);
  tar.finalize();
  return buffer(tar);
}
