import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
  existsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileSource } from './createFileSource.ts';
import { createFileTarget } from './createFileTarget.ts';
import type { FileSource, FileTarget } from './types.ts';

let base: string;
let from: string;
let to: string;
let source: FileSource;
let target: FileTarget;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'drayage-files-'));
  from = join(base, 'source');
  to = join(base, 'target');
  mkdirSync(from);
  mkdirSync(to);
  source = createFileSource({ name: 'layer', directory: from }, join(base, 'work-source'));
  target = createFileTarget({ name: 'layer', directory: to }, join(base, 'work-target'));
});

afterEach(async () => {
  await source.close();
  await target.close();
  for (const side of ['work-source', 'work-target']) {
    if (existsSync(join(base, side))) expect(readdirSync(join(base, side))).toEqual([]);
  }
  execFileSync('chmod', ['-R', 'u+rwx', base]);
  rmSync(base, { recursive: true, force: true });
});

/** A tree as text: type, mode, links, size, time, content or target, one line a name; equal trees give equal text. */
function describeTree(directory: string): string[] {
  const inodes = new Map<number, string>();
  const lines: string[] = [];
  const walk = (path: string, name: string) => {
    const info = lstatSync(path, { bigint: true });
    const mode = (info.mode & 0o7777n).toString(8);
    if (info.isDirectory()) {
      lines.push(`${name}/ ${mode}`);
      for (const child of readdirSync(path).sort()) walk(join(path, child), `${name}/${child}`);
    } else if (info.isSymbolicLink()) {
      lines.push(`${name} -> ${readlinkSync(path)}`);
    } else {
      const same = inodes.get(Number(info.ino)) ?? name;
      inodes.set(Number(info.ino), same);
      lines.push(
        `${name} ${mode} ${info.size} ${info.mtimeNs} =${same} ${readFileSync(path).toString('base64').slice(0, 64)}`,
      );
    }
  };
  walk(directory, '.');
  return lines;
}

/** What changed right before a copy is sent once more. */
function olderThanTheMargin(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

async function finalDifference(): Promise<number> {
  const arrival = target.armFinal();
  const departure = source.armFinal();
  departure.go();
  await pipeline(departure.stream, arrival.stream);
  await Promise.all([arrival.done, arrival.flushed]);
  return (await departure.done).bytes;
}

describe('moving a directory', () => {
  test('makes an equal tree, the attributes of its root too', async () => {
    chmodSync(from, 0o1770);
    writeFileSync(join(from, 'a file\nwith a line break'), 'x');
    mkdirSync(join(from, 'empty'));
    symlinkSync('/etc/nothing', join(from, 'absolute'));
    writeFileSync(join(from, 'one'), 'linked');
    linkSync(join(from, 'one'), join(from, 'two'));
    execFileSync('mkfifo', [join(from, 'fifo')]);
    await target.applyFull(source.full());
    execFileSync('test', ['-p', join(to, 'fifo')]);
    rmSync(join(from, 'fifo'));
    rmSync(join(to, 'fifo'));
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  test('keeps holes', async () => {
    writeFileSync(join(from, 'sparse'), 'end');
    truncateSync(join(from, 'sparse'), 50_000_000);
    const { bytes } = await target.applyFull(source.full());
    expect(bytes).toBeLessThan(100_000);
    expect(lstatSync(join(to, 'sparse')).size).toBe(50_000_000);
    expect(lstatSync(join(to, 'sparse')).blocks).toBeLessThan(100);
  });

  test('removes what was in the target before', async () => {
    mkdirSync(join(to, 'stale/inside'), { recursive: true });
    writeFileSync(join(to, 'stale/inside/file'), 'x');
    writeFileSync(join(from, 'file'), 'x');
    await target.applyFull(source.full());
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  test('a difference holds what changed and nothing else', async () => {
    writeFileSync(join(from, 'large'), Buffer.alloc(5_000_000, 1));
    for (const name of ['removed', 'replaced', 'renamed', 'chmod']) writeFileSync(join(from, name), name);
    mkdirSync(join(from, 'directory/below'), { recursive: true });
    writeFileSync(join(from, 'directory/below/file'), 'x');
    await olderThanTheMargin();
    await target.applyFull(source.full());
    rmSync(join(from, 'removed'));
    rmSync(join(from, 'replaced'));
    mkdirSync(join(from, 'replaced'));
    renameSync(join(from, 'renamed'), join(from, 'directory/other'));
    renameSync(join(from, 'directory'), join(from, 'moved'));
    chmodSync(join(from, 'chmod'), 0o4755);
    const { bytes } = await target.applyDifference(source.difference());
    expect(describeTree(to)).toEqual(describeTree(from));
    expect(bytes).toBeLessThan(100_000);
    expect(await finalDifference()).toBeLessThan(100_000);
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  test('a directory takes the place of a symbolic link and of a file, and the other way round', async () => {
    symlinkSync('somewhere', join(from, 'link'));
    writeFileSync(join(from, 'file'), 'x');
    mkdirSync(join(from, 'directory'));
    writeFileSync(join(from, 'directory/inside'), 'x');
    await target.applyFull(source.full());
    for (const name of ['link', 'file', 'directory']) rmSync(join(from, name), { recursive: true });
    mkdirSync(join(from, 'link'));
    writeFileSync(join(from, 'link/inside'), 'y');
    mkdirSync(join(from, 'file'));
    symlinkSync('link', join(from, 'directory'));
    await target.applyDifference(source.difference());
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  test('a difference that was not read to its end is repeated by the next one', async () => {
    await target.applyFull(source.full());
    writeFileSync(join(from, 'file'), Buffer.alloc(3_000_000, 7));
    const broken = source.difference();
    broken.once('data', () => broken.destroy());
    await new Promise((resolve) => broken.once('close', resolve));
    await target.applyDifference(source.difference());
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  test('cancelled ends reject and leave nothing running', async () => {
    await target.applyFull(source.full());
    const arrival = target.armFinal();
    const departure = source.armFinal();
    departure.cancel();
    arrival.cancel();
    for (const promise of [departure.done, arrival.done, arrival.flushed]) {
      await expect(promise).rejects.toThrow(/cancelled/);
    }
    writeFileSync(join(from, 'later'), 'x');
    await finalDifference();
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  test('says why a directory cannot be read, and why an archive cannot be written', async () => {
    const missing = createFileSource(
      { name: 'missing', directory: join(base, 'no') },
      join(base, 'work-source'),
    );
    await expect(target.applyFull(missing.full())).rejects.toThrow(/could not be read/);
    await missing.close();
    await expect(target.applyFull(Readable.from([Buffer.alloc(2048, 'x')]))).rejects.toThrow(
      /could not be written/,
    );
  });

  test('a truncated archive is an error', async () => {
    writeFileSync(join(from, 'file'), Buffer.alloc(200_000, 7));
    const parts: Buffer[] = [];
    for await (const part of source.full()) parts.push(part as Buffer);
    const whole = Buffer.concat(parts);
    await expect(target.applyFull(Readable.from([whole.subarray(0, 100_000)]))).rejects.toThrow(
      /could not be written/,
    );
  });
});

describe('what changes in the very moment of a copy', () => {
  test('same size, same clock tick: 200 times, none is missed', async () => {
    const path = join(from, 'counter');
    writeFileSync(path, '0000');
    await target.applyFull(source.full());
    for (let i = 1; i <= 200; i += 1) {
      const text = String(i).padStart(4, '0');
      const file = openSync(path, 'r+');
      writeSync(file, text, 0);
      const stream = source.difference();
      const applied = target.applyDifference(stream);
      // Right after tar has read it.
      stream.once('end', () => writeSync(file, `x${text.slice(1)}`, 0));
      await applied;
      closeSync(file);
      await target.applyDifference(source.difference());
      expect(readFileSync(join(to, 'counter'), 'latin1')).toBe(`x${text.slice(1)}`);
    }
  }, 60_000);

  test('files that change, come and go while they are read do not fail a copy, and the final one is exact', async () => {
    let ended = false;
    const churn = (async () => {
      for (let i = 0; !ended; i += 1) {
        writeFileSync(join(from, `file-${i % 50}`), String(i).repeat(1 + (i % 4000)));
        mkdirSync(join(from, `d${i % 7}`), { recursive: true });
        writeFileSync(join(from, `d${i % 7}/x`), 'x');
        if (i % 3 === 0) rmSync(join(from, `file-${(i * 7) % 50}`), { force: true });
        if (i % 5 === 0) rmSync(join(from, `d${(i * 3) % 7}`), { recursive: true, force: true });
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    try {
      await target.applyFull(source.full());
      for (let i = 0; i < 20; i += 1) await target.applyDifference(source.difference());
    } finally {
      ended = true;
      await churn;
    }
    await finalDifference();
    expect(describeTree(to)).toEqual(describeTree(from));
  }, 60_000);
});

describe('clocks', () => {
  test('the target being years away changes nothing', async () => {
    writeFileSync(join(from, 'file'), '1');
    await target.applyFull(source.full());
    for (const name of readdirSync(to)) utimesSync(join(to, name), 4e9, 4e9);
    writeFileSync(join(from, 'file'), '2');
    await target.applyDifference(source.difference());
    expect(describeTree(to)).toEqual(describeTree(from));
  });
});

describe('random changes', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'after 12 differences the trees are equal (seed %i)',
    async (seed) => {
      let state = seed * 7919;
      const random = (n: number) => {
        state = (state * 1103515245 + 12345) % 2147483648;
        return Math.floor((state / 2147483648) * n);
      };
      const path = () => join(from, ...Array.from({ length: 1 + random(3) }, () => `n${random(4)}`));
      const attempt = (action: () => void) => {
        try {
          action();
        } catch {
          // The path's parent is missing or no directory, or the name is taken: another try will find a place.
        }
      };
      const actions = [
        () => writeFileSync(path(), 'y'.repeat(random(3000))),
        () => mkdirSync(path()),
        () => rmSync(path(), { recursive: true }),
        () => renameSync(path(), path()),
        () => symlinkSync(`n${random(4)}`, path()),
        () => linkSync(path(), path()),
        () => chmodSync(path(), 0o700 + random(0o77)),
      ];
      await target.applyFull(source.full());
      for (let round = 0; round < 12; round += 1) {
        for (let i = 0; i < 30; i += 1) attempt(actions[random(actions.length)] ?? (() => {}));
        await target.applyDifference(source.difference());
        expect(describeTree(to)).toEqual(describeTree(from));
      }
    },
    30_000,
  );
});
