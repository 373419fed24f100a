import { describe } from 'vitest';
import { withScene } from '../lab/migrationScene.ts';
import { withLab } from '../lab/support.ts';
import { testDeaths } from '../lab/support/testDeaths.ts';

// Those that npm test has no time for.
describe('a worker that dies in the hot window', () => {
  testDeaths(withScene(withLab(), 'deaths'), [
    ['d1', 'source.frozen', 'd1'],
    ['d1', 'source.dumped', 'd1'],
    ['d1', 'source.handed', 'd2'],
    ['d2', 'target.ready', 'd1'],
    ['d2', 'target.live', 'd2'],
  ]);
});
