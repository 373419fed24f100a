import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importImage } from '../../../lab/importImage.ts';
import { buildKindsImage } from '../../../lab/programs/buildKindsImage.ts';
import type { TestLab } from '../support.ts';
import { KindScene } from './kindScene.ts';

export const KINDS_IMAGE = 'kinds';
/** So many rounds on each device: each looks at a part of what the kind holds. */
export const ROUNDS = 20;
const LONG_MS = 300_000;

const MIB = 1024 * 1024;

/** Programs of lab/programs/kinds, and what their computes are given besides. */
export const KINDS: { kind: string; more?: object }[] = [
  { kind: 'tmpfs', more: { tmpfs: [{ path: '/scratch', sizeBytes: 100 * MIB }] } },
  { kind: 'threads' },
  { kind: 'forks' },
  { kind: 'mmap-private' },
  { kind: 'mmap-shared' },
  { kind: 'shared-anon' },
  { kind: 'memfd' },
  { kind: 'sysv' },
  { kind: 'pipes' },
  { kind: 'epoll' },
  { kind: 'unix' },
  { kind: 'udp' },
  { kind: 'madvise' },
  { kind: 'split' },
  { kind: 'growing' },
  { kind: 'dev-shm' },
  { kind: 'timers' },
];

/** Tests that move each of these programs to these devices, from d1 on; the image is there for other tests of the file too. */
export function testKinds(
  shared: TestLab,
  kinds: { kind: string; more?: object }[],
  targets: string[],
): void {
  beforeAll(async () => {
    const path = await buildKindsImage();
    await importImage(shared.lab, await shared.api(), {
      name: KINDS_IMAGE,
      path,
      command: ['/bin/kinds', 'threads'],
    });
  }, LONG_MS);
  afterAll(async () => {
    await (await shared.api()).request('DELETE', `/images/${KINDS_IMAGE}`);
  }, LONG_MS);

  describe(`a program that checks its own state is moved to ${targets.join(', then ')}:`, () => {
    test.for(kinds)('$kind', { timeout: LONG_MS }, async ({ kind, more }) => {
      const scene = await KindScene.create(shared, KINDS_IMAGE, kind, more);
      try {
        expect(await scene.goesOn(ROUNDS)).toEqual({ iterations: expect.any(Number) as number });
        for (const target of targets) {
          const { state, reason, causes } = await scene.move(target);
          expect({ state, reason, causes }).toMatchObject({ state: 'succeeded', causes: [] });
          expect(await scene.goesOn(ROUNDS)).toEqual({ iterations: expect.any(Number) as number });
        }
        expect(await scene.spoil(), 'a fault is noticed').not.toBe('');
      } finally {
        await scene.remove();
      }
    });
  });
}
