import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileSource } from '../../device/files/createFileSource.ts';
import { createFileTarget } from '../../device/files/createFileTarget.ts';
import { encodeRemovals } from '../../device/files/frames.ts';
import type { FileSource, FileTarget } from '../../device/files/types.ts';

/** Needs root: mounts overlays. On tmpfs, since the machine's own disk may be an overlay, which cannot be an upper layer. */
let base: string;
let source: FileSource;
let target: FileTarget;
let mounts: string;

const mountsNow = (): string => readFileSync('/proc/self/mounts', 'utf8');

beforeEach(() => {
  mounts = mountsNow();
  base = mkdtempSync('/dev/shm/drayage-files-');
  for (const side of ['source', 'target']) {
    for (const name of ['lower', 'upper', 'work', 'merged'])
      mkdirSync(join(base, side, name), { recursive: true });
    const lower = join(base, side, 'lower');
    mkdirSync(join(lower, 'directory'));
    for (const name of ['kept', 'replaced', 'removed', 'directory/inside'])
      writeFileSync(join(lower, name), `lower ${name}`);
  }
  source = createFileSource({ name: 'layer', directory: join(base, 'source/upper') }, join(base, 'work'));
  target = createFileTarget({ name: 'layer', directory: join(base, 'target/upper') }, join(base, 'work'));
});

afterEach(async () => {
  await source.close();
  await target.close();
  for (const side of ['source', 'target']) {
    if (mountsNow().includes(join(base, side, 'merged')))
      execFileSync('umount', [join(base, side, 'merged')]);
  }
  if (existsSync(join(base, 'work'))) expect(readdirSync(join(base, 'work'))).toEqual([]);
  rmSync(base, { recursive: true });
  expect(mountsNow()).toBe(mounts);
});

function mountOverlay(side: 'source' | 'target'): string {
  const options = ['lower', 'upper', 'work'].map((name) => `${name}dir=${join(base, side, name)}`).join(',');
  const merged = join(base, side, 'merged');
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
  return merged;
}

function describeTree(directory: string): string[] {
  const walk = (path: string, name: string): string[] => {
    const info = lstatSync(path);
    const common = `${name} ${info.mode.toString(8)} ${info.uid}:${info.gid}`;
    if (info.isDirectory()) {
      return [
        common,
        ...readdirSync(path)
          .sort()
          .flatMap((child) => walk(join(path, child), `${name}/${child}`)),
      ];
    }
    if (info.isSymbolicLink()) return [`${common} -> ${readlinkSync(path)}`];
    return [`${common} ${info.rdev} ${info.isFile() ? readFileSync(path, 'latin1') : ''}`];
  };
  return walk(directory, '.');
}

async function finalDifference(merged?: string): Promise<void> {
  const arrival = target.armFinal(merged);
  const departure = source.armFinal();
  departure.go();
  await Promise.all([pipeline(departure.stream, arrival.stream), arrival.done, arrival.flushed]);
}

describe('a writable layer', () => {
  test('has the same effect on the target: changes, whiteouts, directories that hide the lower ones, owners, devices', async () => {
    const merged = mountOverlay('source');
    const shell = (script: string): Buffer => execFileSync('sh', ['-e', '-c', script], { cwd: merged });
    shell('echo new > replaced; rm removed; rm -r directory; mkdir directory; echo other > directory/new');
    shell(
      'mknod null c 1 3; mkfifo pipe; ln -s kept link; echo x > mine; chown 1234:4321 mine; chmod 6755 mine; chmod 1711 .',
    );
    await target.applyFull(source.full());
    shell('rm mine; rm -r directory; mkdir later; mv kept later/moved; chown 99:98 .');
    await target.applyDifference(source.difference());
    await finalDifference();
    expect(describeTree(mountOverlay('target'))).toEqual(describeTree(merged));
  });

  test('shows its last changes through an overlay that was mounted and looked at before', async () => {
    const from = mountOverlay('source');
    writeFileSync(join(from, 'early'), 'early');
    await target.applyFull(source.full());
    const merged = mountOverlay('target');
    const before = describeTree(merged);
    expect(existsSync(join(merged, 'later'))).toBe(false);
    expect(before).toEqual(describeTree(from));
    execFileSync(
      'sh',
      [
        '-e',
        '-c',
        'echo changed > replaced; rm removed early; rm -r directory; mkdir directory; echo l > later; chmod 700 .; chown 5:6 .',
      ],
      { cwd: from },
    );
    await finalDifference(merged);
    expect(describeTree(merged)).toEqual(describeTree(from));
    expect(readFileSync(join(merged, 'later'), 'utf8')).toBe('l\n');
    // Not even the root's old mode is kept in memory.
    expect(() =>
      execFileSync('setpriv', ['--reuid=65534', '--clear-groups', 'ls', merged], { stdio: 'pipe' }),
    ).toThrow();
  });
});

describe('a stream made to write elsewhere', () => {
  interface Entry extends Partial<Header> {
    content?: string;
  }

  async function streamOf(entries: Entry[], removals: string[] = []): Promise<Readable> {
    const archive = pack();
    for (const { content, name = '', ...header } of entries)
      archive.entry({ name, ...header }, content ?? '');
    archive.finalize();
    const bytes = await buffer(archive);
    // GNU tar's records.
    const padding = Buffer.alloc(10_240 - (bytes.length % 10_240));
    return Readable.from([...encodeRemovals(removals), bytes, padding]);
  }

  let victim: string;

  beforeEach(async () => {
    victim = join(base, 'victim');
    mkdirSync(victim);
    writeFileSync(join(victim, 'secret'), 'secret');
    await target.applyFull(await streamOf([]));
    symlinkSync(victim, join(base, 'target/upper/absolute'));
    symlinkSync('../../victim', join(base, 'target/upper/relative'));
  });

  test.each<[string, (victim: string) => Entry[], string[]]>([
    ['behind an absolute link', () => [{ name: './absolute/planted', content: 'x' }], []],
    ['behind a relative link', () => [{ name: './relative/planted', content: 'x' }], []],
    ['over what is behind a link', () => [{ name: './absolute/secret', content: 'x' }], []],
    ['by an absolute name', (at) => [{ name: `${at}/planted`, content: 'x' }], []],
    ['above the directory', () => [{ name: '../../victim/planted', content: 'x' }], []],
    [
      'through a hard link',
      (at) => [
        { name: './h', type: 'link', linkname: `${at}/secret` },
        { name: './h', content: 'x' },
      ],
      [],
    ],
    [
      'through a link of the same archive',
      (at) => [
        { name: './l', type: 'symlink', linkname: at },
        { name: './l/planted', content: 'x' },
      ],
      [],
    ],
    ['removing behind a link', () => [], ['./absolute/secret', './relative/secret', '../../victim/secret']],
  ])('%s, does not', async (_, entries, removals) => {
    await target.applyDifference(await streamOf(entries(victim), removals)).catch(() => {});
    expect(readdirSync(victim)).toEqual(['secret']);
    expect(readFileSync(join(victim, 'secret'), 'utf8')).toBe('secret');
    expect(lstatSync(join(victim, 'secret')).nlink).toBe(1);
  });
});
