import { describe, expect, test } from 'vitest';
import { runCli } from './cliProgram.ts';
import { withScene } from './migrationScene.ts';
import { patient } from './patience.ts';
import { abortOutcomes, testTakenBack, testTooLate } from './support/testAborts.ts';
import { withLab } from './support.ts';

const LONG_MS = patient(240_000);

describe('a move that is aborted in its hot window', () => {
  const lab = withLab();
  const scene = withScene(lab, 'switchabort');
  const { faults } = scene;
  const { expectStopped, expectMoved } = abortOutcomes(scene);

  testTakenBack(lab, scene, [
    ['it is frozen and off the network', 'd1', 'source.frozen'],
    ['it is restored on the target', 'd2', 'target.ready'],
  ]);
  testTooLate(lab, scene, [['the source has handed it over', 'd1', 'source.handed']]);

  test(
    'at the moment in which the target says that it is ready: one side goes on, and it is the side of the answer',
    async () => {
      const id = await scene.startUntil('d2', 'target.ready');
      const [{ code, stderr }] = await Promise.all([
        runCli(lab, 'migration', 'abort', id),
        faults.release('d2', 'target.ready'),
      ]);
      expect([0, 3], stderr).toContain(code);
      await (code === 0 ? expectStopped(id) : expectMoved(id));
    },
    LONG_MS,
  );
});
