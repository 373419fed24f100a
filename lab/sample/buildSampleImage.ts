import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { pack } from 'tar-stream';
import { DrayageError } from '../../core/cause.ts';
import { readBusybox } from '../../device/engine/sandboxImage.ts';
import { run } from '../machine/run.ts';

const SOURCE = fileURLToPath(new URL('sample.c', import.meta.url));
const COMPILER_FLAGS = ['-O2', '-static', '-s', '-Wall', '-Wextra'];
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

/**
 * Builds the sample application and resolves with the path of a tar of its root file system: the program (sample.c,
 * linked statically), busybox, nothing else. Kept in the cache folder, by what it is made of; needs gcc only when it is
 * not there. @throws DrayageError compilerMissing, busyboxMissing, commandFailed
 */
export async function buildSampleImage(): Promise<string> {
  const [source, busybox] = await Promise.all([readFile(SOURCE), readBusybox()]);
  const cache = cacheDirectory();
  const path = join(cache, `sample-${keyOf([source, busybox, JSON.stringify(recipe())])}.tar`);
  if (await exists(path)) return path;
  await mkdir(cache, { recursive: true });
  const building = await mkdtemp(join(cache, 'sample-building.'));
  try {
    const program = await compile(join(building, 'sample'));
    await writeFile(join(building, 'image.tar'), await rootFileSystem(program, busybox));
    // Of two that build it at the same time, the last to end wins with the same content.
    await rename(join(building, 'image.tar'), path);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return path;
}

/** ${XDG_CACHE_HOME:-~/.cache}/drayage, as the bootstrap scripts have it. */
function cacheDirectory(): string {
  const { DRAYAGE_CACHE, XDG_CACHE_HOME } = process.env;
  return DRAYAGE_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'drayage');
}

function recipe() {
  return { arch: process.arch, COMPILER_FLAGS, DIRECTORIES, APPLETS, FILES };
}

function keyOf(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex').slice(0, 16);
}

async function compile(output: string): Promise<Buffer> {
  try {
    await run('gcc', [...COMPILER_FLAGS, '-o', output, SOURCE], { timeoutMs: COMPILE_TIMEOUT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new DrayageError({
      code: 'compilerMissing',
      message: 'The sample application cannot be built: there is no gcc.',
      mend: 'Install it: apt-get install gcc libc6-dev.',
    });
  }
  return readFile(output);
}

/** The same input gives the same bytes. */
function rootFileSystem(program: Buffer, busybox: Buffer): Promise<Buffer> {
  const tar = pack();
  const common = { mtime: new Date(0), uid: 0, gid: 0 };
  for (const name of DIRECTORIES) tar.entry({ ...common, name: `${name}/`, type: 'directory', mode: 0o755 });
  tar.entry({ ...common, name: 'tmp/', type: 'directory', mode: 0o1777 });
  tar.entry({ ...common, name: 'bin/sample', mode: 0o755 }, program);
  tar.entry({ ...common, name: 'bin/busybox', mode: 0o755 }, busybox);
  for (const applet of APPLETS) {
    tar.entry({ ...common, name: `bin/${applet}`, type: 'symlink', linkname: 'busybox', mode: 0o777 });
  }
  for (const [name, text] of Object.entries(FILES)) tar.entry({ ...common, name, mode: 0o644 }, text);
  tar.finalize();
  return buffer(tar);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
