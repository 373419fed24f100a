import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { appendLogHistory, logPositionSchema, readLogHistory, type LogPosition } from './logHistory.ts';

let directory: string;
let log: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'drayage-log-'));
  log = join(directory, 'abc-json.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function read(position: LogPosition | null, limit?: number): Promise<[string, LogPosition | null]> {
  const history = await readLogHistory(log, position, limit);
  return [await text(history.stream), await history.position];
}

function rotate(): void {
  try {
    renameSync(`${log}.1`, `${log}.2`);
  } catch {
    // There was none.
  }
  renameSync(log, `${log}.1`);
}

describe('reading a log', () => {
  test('a log that does not exist is empty', async () => {
    expect(await read(null)).toEqual(['', null]);
  });

  test('goes on where it ended', async () => {
    writeFileSync(log, 'one\ntwo\n');
    const [first, position] = await read(null);
    expect(first).toBe('one\ntwo\n');
    appendFileSync(log, 'three\n');
    expect((await read(position))[0]).toBe('three\n');
    expect(logPositionSchema.parse(position)).toEqual(position);
  });

  test('follows its file through rotations, oldest lines first', async () => {
    writeFileSync(log, 'one\n');
    const [, position] = await read(null);
    appendFileSync(log, 'two\n');
    rotate();
    writeFileSync(log, 'three\n');
    rotate();
    writeFileSync(log, 'four\n');
    const [since, later] = await read(position);
    expect(since).toBe('two\nthree\nfour\n');
    appendFileSync(log, 'five\n');
    expect((await read(later))[0]).toBe('five\n');
  });

  test('when its file is gone, or begins otherwise, all that is there is new', async () => {
    writeFileSync(log, 'one\n');
    const [, position] = await read(null);
    truncateSync(log);
    writeFileSync(log, 'other\n');
    expect((await read(position))[0]).toBe('other\n');
    rmSync(log);
    writeFileSync(`${log}.1`, 'a\n');
    writeFileSync(log, 'b\n');
    expect((await read(position))[0]).toBe('a\nb\n');
  });

  test('leaves out the oldest lines beyond the limit, whole ones', async () => {
    writeFileSync(`${log}.1`, 'aaaa\nbbbb\n');
    writeFileSync(log, 'cccc\ndddd\n');
    expect((await read(null, 20))[0]).toBe('aaaa\nbbbb\ncccc\ndddd\n');
    expect((await read(null, 17))[0]).toBe('bbbb\ncccc\ndddd\n');
    expect((await read(null, 7))[0]).toBe('dddd\n');
    expect((await read(null, 3))[0]).toBe('');
  });

  test('a reading that breaks off has no position', async () => {
    writeFileSync(log, 'x'.repeat(300_000));
    const history = await readLogHistory(log, null);
    history.stream.once('data', () => history.stream.destroy());
    await expect(history.position).rejects.toThrow(/not read to its end/);
  });
});

test('appending adds to what is there', async () => {
  writeFileSync(log, 'one\n');
  await appendLogHistory(log, Readable.from(['two\n']));
  await appendLogHistory(`${log}.new`, Readable.from(['three\n']));
  expect(readFileSync(log, 'utf8')).toBe('one\ntwo\n');
  expect(readFileSync(`${log}.new`, 'utf8')).toBe('three\n');
});
