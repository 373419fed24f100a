import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { PageStore } from './pageStore.ts';

/** Listens as memory-target does, and says so. */
const LISTENER = `
require('node:net').createServer((socket) => socket.resume()).listen(process.argv[1], () => console.log('ready'));`;
const isLinux = process.platform === 'linux';

let directory = '';
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A helper of the store in `directory` that stands still. */
async function stoppedHelper() {
  const environment = { PATH: process.env.PATH, DRAYAGE_PAGER: directory };
  const child = spawn(process.execPath, ['-e', LISTENER, join(directory, 'control')], { env: environment });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  return child;
}

test.skipIf(!isLinux)(
  'a helper that stands still keeps nothing from being discarded: it is killed',
  async () => {
    directory = await mkdtemp(join(tmpdir(), 'drayage-store-'));
    const helper = await stoppedHelper();
    const ended = once(helper, 'exit');
    await new PageStore(directory, 'lazy').discard();
    expect(await ended).toEqual([null, 'SIGKILL']);
    await expect(access(directory)).rejects.toThrow();
  },
  30_000,
);

test('where no helper is there is nothing to wait for', async () => {
  directory = await mkdtemp(join(tmpdir(), 'drayage-store-'));
  await new PageStore(directory, 'lazy').discard();
  await expect(access(directory)).rejects.toThrow();
});
