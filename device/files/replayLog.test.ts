import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replayLog } from './replayLog.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'replay-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('every entry goes to the pipe it came from, byte for byte and in order', async () => {
  const pipes = { stdout: join(directory, 'out'), stderr: join(directory, 'err') };
  await Promise.all(Object.values(pipes).map((path) => writeFile(path, '')));
  const entries = [
    { log: 'one\n', stream: 'stdout', time: 't' },
    { log: 'bad\n', stream: 'stderr', time: 't' },
    { log: 'half, ', stream: 'stdout', time: 't' },
    { log: 'é\n', stream: 'stdout', time: 't' },
  ];
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  await replayLog(Readable.from([Buffer.from(text.slice(0, 30)), Buffer.from(text.slice(30))]), pipes);
  expect(await readFile(pipes.stdout, 'utf8')).toBe('one\nhalf, é\n');
  expect(await readFile(pipes.stderr, 'utf8')).toBe('bad\n');
});

test('an empty tail opens nothing', async () => {
  await replayLog(Readable.from([]), {
    stdout: join(directory, 'absent'),
    stderr: join(directory, 'absent'),
  });
});

test('what is no entry is an error', async () => {
  const pipes = { stdout: join(directory, 'out'), stderr: join(directory, 'err') };
  await expect(replayLog(Readable.from(['{"log":1}\n']), pipes)).rejects.toThrow();
});
