import { describe, expect, test } from 'vitest';
import { withScene } from './migrationScene.ts';
import { patient } from './patience.ts';
import { testDeaths } from './support/testDeaths.ts';
import { withLab } from './support.ts';

const LONG_MS = patient(240_000);

describe('a party that dies in the hot window', () => {
  const lab = withLab();
  const scene = withScene(lab, 'crashes');
  const { faults } = scene;

  test(
    "the target's worker, killed while restoring: its copy is discarded and the source runs on",
    async () => {
      const id = await scene.startUntil('d2', 'target.restoring', { action: 'kill' });
      await faults.restartKilledWorker('d2');
      const { state, causes } = await scene.ended(id);
      expect(state).toBe('rolledBack');
      expect(causes.length).toBeGreaterThan(0);
      const states = await scene.journal('d1');
      expect(states.slice(0, 2)).toEqual(['frozen', 'offered']);
      expect(states).not.toContain('handed');
      expect(states.at(-1)).toBe('thawed');
      expect((await scene.journal('d2')).at(-1)).toBe('discarded');
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    "the source's worker, killed right after go: the target has the compute, and the source's copy goes",
    async () => {
      const id = await scene.startUntil('d1', 'source.go', { action: 'kill' });
      await faults.restartKilledWorker('d1');
      expect((await scene.ended(id)).state).toBe('succeeded');
      // A worker that is long in coming back is not waited for by the move.
      await scene.untilWritten('d1', 'released');
      expect(await scene.journal('d2')).toEqual(['held', 'owner']);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'the control plane, killed in the hot window and started again by its supervisor: the devices need it for nothing',
    async () => {
      const id = await scene.startUntil('d1', 'source.dumped');
      await faults.killControlParts(['api', 'control', 'gateway', 'temporal']);
      await faults.release('d1', 'source.dumped');
      await scene.untilWritten('d1', 'released');
      await scene.untilAnswered();
      expect((await scene.ended(id)).state).toBe('succeeded');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'handed', 'released']);
      expect(await scene.journal('d2')).toEqual(['held', 'owner']);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  testDeaths(scene, [
    ['d1', 'source.offered', 'd1'],
    ['d2', 'target.owner', 'd2'],
  ]);
});
