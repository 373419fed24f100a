import { describe, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import type { Failpoint } from '../../device/failpoints.ts';
import { askRefused, runCli } from './cliProgram.ts';
import { END_MS } from './computeScene.ts';
import { withPages } from './support/pagesScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;

describe('a move that is aborted', () => {
  const lab = withLab();
  const scene = withPages(lab, 'aborted', { megabytes: 32, megabytesPerSecond: 2 });
  const { faults } = scene;

  /** The abort is accepted, and afterwards everything is as if there had been no move. */
  async function expectAborted(id: string): Promise<void> {
    await scene.expectUndisturbed(async () => {
      const answer = await runCli(lab, 'migration', 'abort', id);
      expect(answer.code, answer.stderr).toBe(0);
      await faults.mend();
      const { state, frozenMs, progress } = await scene.ended(id);
      expect({ state, frozenMs, progress }).toEqual({ state: 'aborted', frozenMs: null, progress: null });
    });
    await scene.expectMemoryRight();
    await scene.expectOneLiveCopy('d1');
    await scene.expectClean('d2');
  }

  test.each<[string, string, Failpoint]>([
    ['the target is prepared', 'd2', 'target.preparing'],
    ['files are copied', 'd1', 'source.syncing'],
    ['memory is copied', 'd1', 'source.copying'],
    ['the hot window is armed', 'd2', 'target.arming'],
  ])(
    'while %s: it never was',
    async (_phase, device, point) => {
      const id = await scene.startUntil(device, point);
      await expectAborted(id);
    },
    LONG_MS,
  );

  test(
    'between two rounds: it never was',
    async () => {
      const id = await scene.start('d2', { bandwidthMbit: 100 });
      const copying = async () => (await scene.migration(id)).progress !== null;
      await until('the first round to be under way', END_MS, copying);
      await faults.arm('d1', 'source.copying');
      await faults.reached('d1', 'source.copying');
      // The record is written beside the move.
      const recorded = async () => (await scene.migration(id)).rounds.length > 0;
      await until('the first round to be on record', END_MS, recorded);
      await expectAborted(id);
    },
    LONG_MS,
  );

  test(
    'after the commit point: refused as too late, and why',
    async () => {
      const id = await scene.startUntil('d2', 'target.owner');
      const { status, problem } = await askRefused(lab, 'POST', `/migrations/${id}/abort`);
      expect({ status, code: problem.causes[0]?.code }).toEqual({ status: 409, code: 'abortRefused' });
      expect(problem.causes[0]?.message).toMatch(/cannot be aborted any more/);
      expect(problem.causes[0]?.mend).not.toBe('');
      await faults.release('d2', 'target.owner');
      expect((await scene.ended(id)).state).toBe('succeeded');
      await scene.expectMemoryRight();
      await scene.expectOneLiveCopy('d2');
    },
    LONG_MS,
  );
});
