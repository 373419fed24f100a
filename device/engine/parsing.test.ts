import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { DrayageError } from '../../core/cause.ts';
import { engineError } from './engineErrors.ts';
import { overlayAt, parseMountInfo } from './mountInfo.ts';
import { Demultiplexer } from './multiplexed.ts';
import { isStatic, sandboxArchive } from './sandboxImage.ts';
import type { LogChunk } from './types.ts';

describe('mountinfo', () => {
  const text = [
    '22 1 0:21 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/var/lib/docker/a\\040b/diff,workdir=/w',
    '23 22 0:22 / /proc rw - proc proc rw',
    '24 22 0:23 / /a\\040b rw master:1 - ext4 /dev/sda1 rw,errors=remount-ro',
    '',
  ].join('\n');

  test('gives the overlay at a place, names unescaped', () => {
    const mounts = parseMountInfo(text);
    expect(overlayAt(mounts, '/')?.options['upperdir']).toBe('/var/lib/docker/a b/diff');
    expect(overlayAt(mounts, '/proc')).toBeUndefined();
    expect(mounts[2]?.mountPoint).toBe('/a b');
  });

  test('reads what this kernel says', () => {
    expect(
      parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).some((one) => one.mountPoint === '/'),
    ).toBe(true);
  });
});

test('the demultiplexer gives the same output however the bytes are cut', () => {
  const frame = fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(frame), fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (frames, cuts) => {
      const bytes = Buffer.concat(
        frames.map(([stream, data]) => {
          const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
          header.writeUInt32BE(data.length, 4);
          return Buffer.concat([header, data]);
        }),
      );
      const demultiplexer = new Demultiplexer();
      const got = { stdout: '', stderr: '' };
      for (let at = 0; at < bytes.length;) {
        const length = cuts.next().value as number;
        const chunks: LogChunk[] = [...demultiplexer.take(bytes.subarray(at, at + length))];
        for (const { stream, data } of chunks) got[stream] += data.toString('hex');
        at += length;
      }
      const expected = (stream: number): string =>
        frames.map(([one, data]) => (one === stream ? Buffer.from(data).toString('hex') : '')).join('');
      expect(got).toEqual({ stdout: expected(1), stderr: expected(2) });
    }),
  );
});

describe('the sandbox image', () => {
  test('is the same each time it is made', async () => {
    const program = Buffer.from('a program');
    expect((await sandboxArchive(program)).equals(await sandboxArchive(program))).toBe(true);
  });

  test('takes no program that needs a loader', () => {
    expect(isStatic(readFileSync(process.execPath))).toBe(false);
    expect(isStatic(Buffer.from('#!/bin/sh'))).toBe(false);
  });
});

describe('errors of the engine', () => {
  test.each([
    [{ code: 'ECONNREFUSED', message: 'x' }, 'engineAway', true],
    [{ statusCode: 404, json: { message: 'No such image: sha256:0' } }, 'imageMissing', false],
    [{ statusCode: 404, json: { message: 'No such container: a' } }, 'containerMissing', false],
    [
      { statusCode: 409, json: { message: 'Conflict. The container name "/a" is already in use' } },
      'nameConflict',
      false,
    ],
    [{ statusCode: 500, json: { message: 'write /x: no space left on device' } }, 'diskFull', false],
    [{ statusCode: 500, json: { message: 'boom' } }, 'engineFailed', true],
    [{ statusCode: 400, json: { message: 'bad parameter' } }, 'engineRefused', false],
  ])('%j is %s', (error, code, retryable) => {
    const mapped = engineError(error, 'testing');
    expect(mapped).toBeInstanceOf(DrayageError);
    expect(mapped).toMatchObject({ cause_: { code }, retryable });
  });

  test('what is no answer of the engine is passed on', () => {
    const error = new Error('bug');
    expect(engineError(error, 'testing')).toBe(error);
  });
});
