import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { FINAL_MIGRATION_STATES } from '../../core/migration.ts';
import { MemoryMeter } from '../lab/support/memoryMeter.ts';
import { PagesScene } from '../lab/support/pagesScene.ts';
import { withOwnLab } from '../lab/support.ts';

const SETUP_MS = 300_000;
const MOVE_MS = 600_000;
const MIB = 2 ** 20;

const lab = withOwnLab('slow', { linkMbit: 200 });
const scene = new PagesScene(lab, 'buffers');
beforeAll(() => scene.setUp({ megabytes: 512, megabytesPerSecond: 1 }), SETUP_MS);
afterAll(() => scene.tearDown(), SETUP_MS);

test('neither side holds more than 64 MB for a target that takes slowly what comes', async () => {
  const meters = await Promise.all(['d1', 'd2'].map((device) => MemoryMeter.start(lab.lab, device)));
  const id = await scene.start('d2');
  const ended = async () => {
    for (const meter of meters) await meter.look();
    return FINAL_MIGRATION_STATES.includes((await scene.migration(id)).state);
  };
  await until('the move to end', MOVE_MS, ended, 50);
  expect((await scene.migration(id)).state).toBe('succeeded');
  for (const meter of meters) {
    expect(meter.looks).toBeGreaterThan(100);
    expect(meter.grownBytes / MIB, `growth on ${meter.device}, MiB`).toBeLessThan(64);
  }
  await scene.expectMemoryRight();
});
