import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { symlinkSync, truncateSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTreeSource } from '../../device/files/createTreeSource.ts';
import { createTreeTarget } from '../../device/files/createTreeTarget.ts';
import type { FileSource, FileTarget } from '../../device/files/types.ts';
import { findNativePrograms } from '../../device/memory/nativePrograms.ts';

const PAGE = 4096;

let base: string;
let left: string;
let right: string;
let source: FileSource;
let target: FileTarget;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'drayage-trees-'));
  [left, right] = [join(base, 'left'), join(base, 'right')];
  mkdirSync(left);
  mkdirSync(right);
  const { treeSource, treeTarget } = await findNativePrograms();
  if (treeSource === null || treeTarget === null) throw new Error('the native helpers must have been built');
  const root = { name: 'tree', processRoot: base, directory: '/left' };
  source = createTreeSource(root, join(base, 'work'), treeSource);
  target = createTreeTarget({ name: 'tree', directory: right }, treeTarget);
});

afterEach(async () => {
  await source.close();
  await target.close();
  expect(readdirSync(join(base, 'work'))).toEqual([]);
  rmSync(base, { recursive: true, force: true });
});

/** Names, types, modes, owners, sizes, times, links and contents, as text; equal trees give equal text. */
function describeTree(directory: string): string {
  const script = `find . -printf '%p %y %m %u %g %s %T@ %n %l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 -r sha256sum; getfattr -dRh -m - . 2>/dev/null || true`;
  return execFileSync('sh', ['-c', script], { cwd: directory, encoding: 'utf8' });
}

function fill(): void {
  mkdirSync(join(left, 'below/deep'), { recursive: true });
  writeFileSync(join(left, 'large'), Buffer.alloc(300 * PAGE + 17, 'a'));
  writeFileSync(join(left, 'below/small'), 'small');
  writeFileSync(join(left, 'empty'), '');
  linkSync(join(left, 'large'), join(left, 'below/also-large'));
  symlinkSync('/etc/passwd', join(left, 'link'));
  execFileSync('mkfifo', ['-m', '600', join(left, 'fifo')]);
  execFileSync('chmod', ['2751', join(left, 'below/deep')]);
  truncateSync(join(left, 'empty'), 40 * PAGE);
}

function poke(path: string, offset: number, text: string): void {
  const file = openSync(join(left, path), 'r+');
  writeSync(file, text, offset);
  closeSync(file);
}

async function full(): Promise<void> {
  await target.applyFull(source.full());
  expect(describeTree(right)).toBe(describeTree(left));
}

test('a full copy is equal, whatever was there before', async () => {
  fill();
  mkdirSync(join(right, 'old/below'), { recursive: true });
  writeFileSync(join(right, 'large'), 'another');
  await full();
});

test('a difference holds only the pages that have changed', async () => {
  fill();
  await full();
  poke('below/also-large', 7 * PAGE + 3, 'changed');
  const { bytes } = await target.applyDifference(source.difference());
  expect(describeTree(right)).toBe(describeTree(left));
  expect(bytes).toBeGreaterThan(PAGE);
  expect(bytes).toBeLessThan(2 * PAGE);
});

test('what came, went, was renamed, replaced, cut or grew is so on the target', async () => {
  fill();
  await full();
  unlinkSync(join(left, 'link'));
  mkdirSync(join(left, 'link'));
  renameSync(join(left, 'below/small'), join(left, 'link/small'));
  rmSync(join(left, 'below/deep'), { recursive: true });
  writeFileSync(join(left, 'below/deep'), 'a file now');
  writeFileSync(join(left, 'new'), 'new');
  renameSync(join(left, 'new'), join(left, 'empty'));
  unlinkSync(join(left, 'large'));
  linkSync(join(left, 'below/also-large'), join(left, 'below/a-new-name'));
  truncateSync(join(left, 'below/also-large'), 5 * PAGE + 1);
  truncateSync(join(left, 'below/also-large'), 9 * PAGE);
  await target.applyDifference(source.difference());
  expect(describeTree(right)).toBe(describeTree(left));
});

test('an armed difference knows of the passes after it was armed', async () => {
  fill();
  await full();
  const sender = source.armFinal();
  const receiver = target.armFinal();
  writeFileSync(join(left, 'later'), 'later');
  await target.applyDifference(source.difference());
  poke('large', 0, 'last');
  sender.go();
  await Promise.all([pipeline(sender.stream, receiver.stream), sender.done, receiver.done]);
  expect(describeTree(right)).toBe(describeTree(left));
});

test('a stream that was cut off is refused', async () => {
  fill();
  const whole = await buffer(source.full());
  await expect(target.applyFull(Readable.from([whole.subarray(0, -1)]))).rejects.toMatchObject({
    cause_: {
      code: 'filesNotApplied',
      message: expect.stringContaining('the stream ends too early') as string,
    },
  });
});

test('a stream cannot write outside its directory', async () => {
  writeFileSync(join(base, 'outside'), 'untouched');
  symlinkSync('..', join(left, 'up'));
  await target.applyFull(source.full());
  const record = Buffer.alloc(24);
  const path = Buffer.from('up/outside');
  // TREE_REMOVE
  record.writeUInt32LE(1, 0);
  record.writeUInt32LE(path.length, 4);
  const end = Buffer.alloc(24);
  end.writeUInt32LE(10, 0);
  await target.applyDifference(Readable.from([Buffer.concat([record, path, end])]));
  expect(execFileSync('cat', [join(base, 'outside')], { encoding: 'utf8' })).toBe('untouched');
});
