import { execFile, spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { imageSchema, uploadSchema } from '../../core/api/images.ts';
import { signIn, startApiProcess } from '../integration/support/apiProcess.ts';
import { useDatabase } from '../integration/support/database.ts';

const MIB = 2 ** 20;
const CLI = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const run = promisify(execFile);

const database = useDatabase();
let home: string;
/** Ends what a test has started, before its database is dropped. */
let ends: (() => Promise<void> | void)[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'drayage-upload-'));
  ends = [];
});
afterEach(async () => {
  for (const end of ends) await end();
  await rm(home, { recursive: true, force: true });
});

test('an upload of 1 GB goes on by itself after the API was killed in the middle, which has grown by less than 64 MB', async () => {
  const archive = await largeArchive(home);
  const dataDir = join(home, 'data');
  let process_ = await startApiProcess(database.url, dataDir);
  ends.push(() => process_.kill());
  const { url } = process_;
  const token = await signIn(url);
  const resident = async () =>
    Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${String(process_.pid)}/status`, 'utf8'))?.[1]) *
    1024;
  const ask = async (method: string, path: string, body?: object) =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const request = { name: 'large', bytes: archive.bytes, digest: archive.digest, command: ['/bin/app'] };
  const upload = uploadSchema.parse(await (await ask('POST', '/images/uploads', request)).json());
  const offset = async () =>
    uploadSchema.parse(await (await ask('GET', `/images/uploads/${upload.id}`)).json()).offset;

  let before = await resident();
  const cli = spawn(
    process.execPath,
    [CLI, 'image', 'import', archive.path, '--name', 'large', '--cmd', '/bin/app', '--json'],
    {
      env: { PATH: process.env['PATH'], HOME: home, DRAYAGE_URL: url, DRAYAGE_TOKEN: token },
    },
  );
  ends.push(() => void cli.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  cli.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  cli.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => cli.once('close', resolve));
  await expect.poll(offset, { timeout: 60_000, interval: 20 }).toBeGreaterThan(archive.bytes / 2);
  const grown = [(await resident()) - before];
  await process_.kill();
  process_ = await startApiProcess(database.url, dataDir, new URL(url).port);
  before = await resident();
  expect(await offset()).toBeGreaterThan(archive.bytes / 2);
  expect([await ended, stderr]).toEqual([0, expect.stringContaining('does not answer')]);
  grown.push((await resident()) - before);
  expect(imageSchema.parse(JSON.parse(stdout))).toMatchObject({ name: 'large', info: { layers: 1 } });
  expect(
    uploadSchema.parse(await (await ask('GET', `/images/uploads/${upload.id}`)).json()).image?.name,
  ).toBe('large');
  for (const bytes of grown) expect(bytes, `grown by ${grown.join(' and ')} bytes`).toBeLessThan(64 * MIB);
});

/** A root file system's tar of 1 GB. */
async function largeArchive(directory: string): Promise<{ path: string; bytes: number; digest: string }> {
  const path = join(directory, 'large.tar');
  const data = join(directory, 'data.bin');
  await writeFile(join(directory, 'app'), '#!/bin/sh\n', { mode: 0o755 });
  const file = await open(data, 'w');
  await file.truncate(2 ** 30);
  await file.close();
  await run('tar', ['-C', directory, '-cf', path, '--transform', 's,^app,bin/app,', 'app', 'data.bin']);
  await rm(data);
  const { stdout } = await run('sha256sum', [path]);
  const { stdout: size } = await run('stat', ['-c', '%s', path]);
  return { path, bytes: Number(size), digest: `sha256:${stdout.slice(0, 64)}` };
}
