import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DrayageError } from '../../core/cause.ts';
import { LISTING_MAX } from '../../core/volumeFiles.ts';
import { listDirectory, readVolumeFile } from './volumeFiles.ts';

let base: string;
let root: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'drayage-volume-'));
  root = join(base, 'root');
  await mkdir(join(root, 'reports'), { recursive: true });
  await writeFile(join(base, 'secret'), "the device's own");
  await writeFile(join(root, 'reports', 'today.csv'), 'a,b\n');
  await writeFile(join(root, 'empty'), '');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: DrayageError) => error.cause_.code,
  );

test('a directory is listed by name, with what each entry is', async () => {
  await symlink('/etc/passwd', join(root, 'link'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const { entries, truncated } = await listDirectory(root, '/');
  expect(truncated).toBe(false);
  expect(entries.map(({ name, kind, bytes }) => [name, kind, bytes])).toEqual([
    ['empty', 'file', 0],
    ['link', 'link', 0],
    ['pipe', 'other', 0],
    ['reports', 'directory', 0],
  ]);
  expect((await listDirectory(root, '/reports/')).entries).toMatchObject([{ name: 'today.csv', bytes: 4 }]);
});

test('of a large directory the first entries are listed', async () => {
  for (let n = 0; n <= LISTING_MAX; n += 1) await writeFile(join(root, 'reports', `n${n}`), '');
  const { entries, truncated } = await listDirectory(root, '/reports');
  expect([entries.length, truncated]).toEqual([LISTING_MAX, true]);
});

test('a file has its bytes, an empty one none', async () => {
  const file = await readVolumeFile(root, '/reports/today.csv');
  expect([file.bytes, await text(file.content)]).toEqual([4, 'a,b\n']);
  const empty = await readVolumeFile(root, '/empty');
  expect([empty.bytes, await text(empty.content)]).toEqual([0, '']);
});

describe('what is refused', () => {
  test.each([
    ['what is not there', '/nothing', 'noSuchFile'],
    ['a way out', '/../secret', 'noSuchFile'],
    ['a way out from below', '/reports/../../secret', 'noSuchFile'],
    ['a way through a file', '/empty/x', 'notADirectory'],
    ['a name that is too long', `/${'x'.repeat(300)}`, 'noSuchFile'],
    ['a directory, as a file', '/reports', 'notAFile'],
    ['a pipe: it is not opened', '/pipe', 'notAFile'],
    ['a link', '/link', 'linkInPath'],
    ['a way through a link', '/out/secret', 'linkInPath'],
  ])('%s', async (_what, path, code) => {
    await symlink(join(base, 'secret'), join(root, 'link'));
    await symlink(base, join(root, 'out'));
    execFileSync('mkfifo', [join(root, 'pipe')]);
    expect(await codeOf(readVolumeFile(root, path))).toBe(code);
  });

  test('a file, as a directory', async () => {
    expect(await codeOf(listDirectory(root, '/empty'))).toBe('notADirectory');
  });
});

test('a directory that becomes a link while it is read leads nowhere else', async () => {
  await writeFile(join(base, 'today.csv'), "the device's own");
  let on = true;
  const swap = (async () => {
    while (on) {
      await rename(join(root, 'reports'), join(root, 'aside'));
      await symlink(base, join(root, 'reports'));
      await rm(join(root, 'reports'));
      await rename(join(root, 'aside'), join(root, 'reports'));
    }
  })();
  const seen = new Set<string>();
  // On a busy machine the directory itself is rarely met.
  for (let n = 0; n < 300 || (!seen.has('a,b\n') && n < 30_000); n += 1) {
    const read = readVolumeFile(root, '/reports/today.csv').then(({ content }) => text(content));
    seen.add(await read.catch((error: DrayageError) => error.cause_.code));
  }
  on = false;
  await swap;
  seen.delete('noSuchFile');
  seen.delete('linkInPath');
  expect([...seen]).toEqual(['a,b\n']);
});
