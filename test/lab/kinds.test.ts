import { expect, test } from 'vitest';
import { KindScene } from './support/kindScene.ts';
import { KINDS, KINDS_IMAGE, ROUNDS, testKinds } from './support/testKinds.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
const shared = withLab();
// Three moves of each are a long proof.
testKinds(shared, KINDS, ['d2']);

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
