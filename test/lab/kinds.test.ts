import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importImage } from '../../lab/importImage.ts';
import { buildKindsImage } from '../../lab/programs/buildKindsImage.ts';
import { KindScene } from './support/kindScene.ts';
import { withLab } from './support.ts';

const IMAGE = 'kinds';
/** So many rounds on each device: each looks at a part of what the kind holds. */
const ROUNDS = 20;
const LONG_MS = 300_000;
const MIB = 1024 * 1024;

const KINDS: { kind: string; more?: object }[] = [
  { kind: 'tmpfs', more: { tmpfs: [{ path: '/scratch', sizeBytes: 100 * MIB }] } },
  { kind: 'threads' },
  { kind: 'forks' },
  { kind: 'mmap-private' },
  { kind: 'mmap-shared' },
  { kind: 'shared-anon' },
  { kind: 'memfd' },
  { kind: 'sysv' },
  { kind: 'dev-shm' },
  { kind: 'pipes' },
  { kind: 'epoll' },
  { kind: 'timers' },
  { kind: 'unix' },
  { kind: 'udp' },
  { kind: 'madvise' },
  { kind: 'growing' },
];

const shared = withLab();
beforeAll(async () => {
  const path = await buildKindsImage();
  await importImage(shared.lab, await shared.api(), {
    name: IMAGE,
    path,
    command: ['/bin/kinds', 'threads'],
  });
}, LONG_MS);
afterAll(async () => {
  await (await shared.api()).request('DELETE', `/images/${IMAGE}`);
}, LONG_MS);

describe('a program that checks its own state is moved three times:', () => {
  test.for(KINDS)('$kind', { timeout: LONG_MS }, async ({ kind, more }) => {
    const scene = await KindScene.create(shared, IMAGE, kind, more);
    try {
      expect(await scene.goesOn(ROUNDS)).toEqual({ iterations: expect.any(Number) as number });
      for (const target of ['d2', 'd1', 'd2']) {
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

test(
  'an eventfd that is a semaphore is refused before anything is stopped, for CRIU would restore another',
  async () => {
    const scene = await KindScene.create(shared, IMAGE, 'semaphore');
    try {
      const { state, causes } = await scene.move('d2');
      expect({ state, codes: causes.map(({ code }) => code) }).toEqual({
        state: 'refused',
        codes: ['eventfdSemaphore'],
      });
      expect(await scene.goesOn(ROUNDS)).toEqual({ iterations: expect.any(Number) as number });
    } finally {
      await scene.remove();
    }
  },
  LONG_MS,
);
