import { open } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { probeSoftDirty } from '../../device/memory/probeSoftDirty.ts';
import { expectMovesKeepMemory } from './support/movesKeepMemory.ts';
import { PageHelpers } from './support/pageHelpers.ts';
import { withPages } from './support/pagesScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
const MOVES = 6;
const PAGE = 4096;
/** Of the store, in its middle, where the checker's own pages lie. */
const LOST_PAGES = 32;

describe('memory that checks itself', () => {
  const lab = withLab();
  const scene = withPages(lab, 'checked', { megabytes: 64, megabytesPerSecond: 4 });

  test(
    'moves six times while it is written to: not one wrong page',
    async () => {
      const moves = await expectMovesKeepMemory(scene, MOVES);
      const { softDirty } = await probeSoftDirty();
      const tracker = softDirty ? 'soft-dirty' : 'content';
      expect(moves.map((move) => move.tracker)).toEqual(Array<string>(MOVES).fill(tracker));
      expect(moves[0]).toMatchObject({
        restore: { mode: 'lazy' },
        predicted: { freezeMs: expect.any(Number) as number },
      });
    },
    LONG_MS,
  );

  test('finds a page that is spoiled', async () => {
    await scene.client.spoil();
    expect(await scene.client.wrongPages()).toBe(1);
  });

  test(
    'finds pages that are lost on their way: zeroed where the target keeps them',
    async () => {
      const target = await scene.elsewhere();
      const before = await scene.client.wrongPages();
      await scene.faults.arm(target, 'target.filling');
      const id = await scene.start(target);
      const helpers = new PageHelpers(lab, target);
      await helpers.untilStatus(id, scene.compute.id, { state: 'filling' });
      const store = await open(await helpers.storeFile(), 'r+');
      const { size } = await store.stat();
      const middle = Math.floor(size / 2 / PAGE) * PAGE;
      await store.write(Buffer.alloc(LOST_PAGES * PAGE), 0, LOST_PAGES * PAGE, middle);
      await store.close();
      await scene.faults.release(target, 'target.filling');
      expect((await scene.ended(id)).state).toBe('succeeded');
      const found = await scene.client.wrongPages();
      expect(found).toBeGreaterThan(before);
      // No upper bound: a lost page may be one of those that hold the versions of a thousand others.
    },
    LONG_MS,
  );
});
