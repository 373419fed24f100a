import { expect, test } from 'vitest';
import { KindScene } from './support/kindScene.ts';
import { KINDS_IMAGE, ROUNDS, testKinds } from './support/testKinds.ts';
import { withLab } from './support.ts';

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

const shared = withLab();
testKinds(shared, KINDS);

test(
  'an eventfd that is a semaphore is refused before anything is stopped, for CRIU would restore another',
  async () => {
    const scene = await KindScene.create(shared, KINDS_IMAGE, 'semaphore');
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
