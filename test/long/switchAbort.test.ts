import { describe } from 'vitest';
import { withScene } from '../lab/migrationScene.ts';
import { withLab } from '../lab/support.ts';
import { testTakenBack, testTooLate } from '../lab/support/testAborts.ts';

// Those that npm test has no time for.
describe('a move that is aborted in its hot window', () => {
  const lab = withLab();
  const scene = withScene(lab, 'aborts');
  testTakenBack(lab, scene, [
    ['all of it is on its way', 'd1', 'source.dumped'],
    ['the offer is written', 'd1', 'source.offered'],
    ['the target has all of it', 'd2', 'target.restoring'],
  ]);
  testTooLate(lab, scene, [
    ['the target owns it', 'd2', 'target.owner'],
    ['it is open on the target', 'd2', 'target.live'],
  ]);
});
