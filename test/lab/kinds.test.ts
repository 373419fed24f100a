import { afterAll, beforeAll, describe, test } from 'vitest';
import { importImage } from '../../lab/importImage.ts';
import { buildKindsImage } from '../../lab/programs/buildKindsImage.ts';
import { KindScene } from './support/kindScene.ts';
import { withLab } from './support.ts';

const IMAGE = 'kinds';
/** So many rounds on each device: each looks at a part of what the kind holds. */
const ROUNDS = 20;
const LONG_MS = 120_000;

const KINDS: { kind: string; more?: object }[] = [
  ...['threads', 'forks', 'mmap-private', 'mmap-shared', 'shared-anon', 'memfd', 'sysv', 'dev-shm'],
  ...['pipes', 'epoll', 'timers', 'unix', 'udp', 'madvise', 'growing'],
].map((kind) => ({ kind }));

const shared = withLab();
beforeAll(async () => {
  const path = await buildKindsImage();
  await importImage(shared.lab, await shared.api(), { name: IMAGE, path, command: ['/bin/kinds', 'threads'] });
}, LONG_MS);
afterAll(async () => {
  await (await shared.api()).request('DELETE', `/images/${IMAGE}`);
}, LONG_MS);

describe.concurrent('a program that checks its own state is moved three times:', () => {
  test.for(KINDS)(
    '$kind',
    { timeout: LONG_MS },
    async ({ kind, more }, { expect }) => {
      const scene = await KindScene.create(shared, IMAGE, kind, more);
      try {
        expect(await scene.goesOn(ROUNDS)).toEqual({ iterations: expect.any(Number) as number });
        for (const target of ['d2', 'd1', 'd2']) {
          const { state, reason } = await scene.move(target);
          expect({ state, reason }).toMatchObject({ state: 'succeeded' });
          expect(await scene.goesOn(ROUNDS)).toEqual({ iterations: expect.any(Number) as number });
        }
        expect(await scene.spoil(), 'a fault is noticed').not.toBe('');
      } finally {
        await scene.remove();
      }
    },
  );
});
