import { open } from 'node:fs/promises';
import { release } from 'node:os';
import { describe, expect, test } from 'vitest';
import { probeSoftDirty } from '../../device/memory/probeSoftDirty.ts';
import { expectMovesKeepMemory } from './support/movesKeepMemory.ts';
import { PageHelpers } from './support/pageHelpers.ts';
import { withPages } from './support/pagesScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
const MOVES = 6;
/** Asynchronous write protection came with Linux 6.7. */
const [MAJOR = 0, MINOR = 0] = release().split('.').map(Number);
const PROTECTS = MAJOR > 6 || (MAJOR === 6 && MINOR >= 7);
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
      // Where a compute was only started its memory cannot be protected; where a restore has made it, it can.
      const [first, later] = softDirty
        ? ['soft-dirty', 'soft-dirty']
        : ['content', PROTECTS ? 'write-protect' : 'content'];
      expect(moves.map(({ tracker }) => tracker)).toEqual([first, ...Array<string>(MOVES - 1).fill(later)]);
      expect(moves[0]).toMatchObject({
        restore: { mode: 'lazy' },
        predicted: { freezeMs: expect.any(Number) as number },
      });
    },
    LONG_MS,
  );

  test(
    'is compared by content again when what keeps it watchable was killed',
    async () => {
      const [here] = await scene.copies();
      await new PageHelpers(lab, here?.device ?? '').killWatches();
      const [move] = await expectMovesKeepMemory(scene, 1);
      const { softDirty } = await probeSoftDirty();
      expect(move?.tracker).toBe(softDirty ? 'soft-dirty' : 'content');
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
