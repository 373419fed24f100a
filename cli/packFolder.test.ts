import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CommandFailed } from './exit.ts';
import { packFolder } from './packFolder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drayage-pack-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function namesIn(path: string): Promise<string[]> {
  const tar = extract();
  tar.end(gunzipSync(await buffer(await packFolder(path))));
  const names: string[] = [];
  for await (const entry of tar) {
    names.push(entry.header.name);
    entry.resume();
  }
  return names.sort();
}

it('packs a folder but for .git and what .drayageignore names; node_modules belongs to it', async () => {
  for (const sub of ['.git', 'node_modules/x', 'coverage'])
    await mkdir(join(folder, sub), { recursive: true });
  for (const name of ['drayage.json', '.git/HEAD', 'node_modules/x/index.js', 'coverage/a', 'a.log', 'b.js'])
    await writeFile(join(folder, name), name);
  await writeFile(join(folder, '.drayageignore'), 'coverage\n*.log\n');
  await symlink('b.js', join(folder, 'link'));
  expect(await namesIn(folder)).toEqual([
    './',
    './.drayageignore',
    './b.js',
    './drayage.json',
    './link',
    './node_modules/',
    './node_modules/x/',
    './node_modules/x/index.js',
  ]);
});

it('sends an archive as it is', async () => {
  const path = join(folder, 'app.tgz');
  await writeFile(path, 'bytes');
  expect((await buffer(await packFolder(path))).toString()).toBe('bytes');
});

it('refuses what is not there, and a folder without a manifest', async () => {
  await expect(packFolder(join(folder, 'nosuch'))).rejects.toThrow(CommandFailed);
  await expect(packFolder(folder)).rejects.toThrow(CommandFailed);
});

it('fails when tar does', async () => {
  await writeFile(join(folder, 'drayage.json'), '{}');
  await mkdir(join(folder, '.drayageignore'));
  await expect(buffer(await packFolder(folder))).rejects.toThrow('cannot be packed');
});
