import { expect, test } from 'vitest';
import type { Failpoint } from '../../../device/failpoints.ts';
import type { MigrationScene } from '../migrationScene.ts';
import { patient } from '../patience.ts';

const LONG_MS = patient(240_000);

/** Tests that kill a device's worker at a step of the hot window; `winner` is where the compute must live on. */
export function testDeaths(
  scene: MigrationScene,
  deaths: [device: 'd1' | 'd2', point: Failpoint, winner: 'd1' | 'd2'][],
): void {
  test.each(deaths)(
    'the worker of %s, killed at %s: the compute lives on on %s, once',
    async (device, point, winner) => {
      const id = await scene.startUntil(device, point, { action: 'kill' });
      await scene.faults.restartKilledWorker(device);
      expect((await scene.ended(id)).state).toBe(winner === 'd1' ? 'rolledBack' : 'succeeded');
      await scene.expectOneLiveCopy(winner);
      await scene.expectClean(winner === 'd1' ? 'd2' : 'd1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );
}
