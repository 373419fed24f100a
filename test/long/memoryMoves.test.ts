import { expect, test } from 'vitest';
import { expectMovesKeepMemory } from '../lab/support/movesKeepMemory.ts';
import { withPages } from '../lab/support/pagesScene.ts';
import { withLab } from '../lab/support.ts';

const MOVES = 50;

const lab = withLab();
const scene = withPages(lab, 'long', { megabytes: 256, megabytesPerSecond: 8 });

test(`${MOVES} moves of memory that checks itself, written to all the time: not one wrong page`, async () => {
  expect(await expectMovesKeepMemory(scene, MOVES)).toHaveLength(MOVES);
});
