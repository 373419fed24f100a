import { expect, test } from 'vitest';
import type { Failpoint } from '../../../device/failpoints.ts';
import { askRefused, runCli } from '../cliProgram.ts';
import type { MigrationScene } from '../migrationScene.ts';
import { patient } from '../patience.ts';
import type { TestLab } from '../support.ts';

const LONG_MS = patient(240_000);

/** When, on which device, and at which of its steps a move is aborted. */
type AbortCase = [when: string, device: 'd1' | 'd2', point: Failpoint];

/** How a move from d1 to d2 may have ended that was to be aborted in its hot window. */
export function abortOutcomes(scene: MigrationScene) {
  return {
    /** The compute runs on on d1 as if there had been no move, and its clients' connections with it. */
    expectStopped: async (id: string): Promise<void> => {
      const { state, reason, causes, frozenMs } = await scene.ended(id);
      expect({ state, causes, frozenMs }).toEqual({ state: 'aborted', causes: [], frozenMs: null });
      expect(reason).toMatch(/^Stopped on request/);
      const states = await scene.journal('d1');
      expect(states).not.toContain('handed');
      expect(states.at(-1)).toBe('thawed');
      expect(await scene.journal('d2')).not.toContain('owner');
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },

    /** It went on as if nobody had asked. */
    expectMoved: async (id: string): Promise<void> => {
      expect((await scene.ended(id)).state).toBe('succeeded');
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
  };
}

/** Tests that abort a move before its commit point. */
export function testTakenBack(lab: TestLab, scene: MigrationScene, cases: AbortCase[]): void {
  test.each(cases)(
    'when %s: it runs on on the source, connections and all',
    async (_when, device, point) => {
      const id = await scene.startUntil(device, point);
      const { code, stderr } = await runCli(lab, 'migration', 'abort', id);
      expect(code, stderr).toBe(0);
      // The compute was taken back while the step was held.
      await scene.untilAnswered();
      await scene.faults.release(device, point);
      await abortOutcomes(scene).expectStopped(id);
    },
    LONG_MS,
  );
}

/** Tests that want to abort a move after its commit point. */
export function testTooLate(lab: TestLab, scene: MigrationScene, cases: AbortCase[]): void {
  test.each(cases)(
    'when %s: refused as too late, and why',
    async (_when, device, point) => {
      const id = await scene.startUntil(device, point);
      const { status, problem } = await askRefused(lab, 'POST', `/migrations/${id}/abort`);
      expect({ status, code: problem.causes[0]?.code }).toEqual({ status: 409, code: 'abortRefused' });
      expect(problem.causes[0]?.message).toMatch(/cannot be aborted any more: .*target/);
      await scene.faults.release(device, point);
      await abortOutcomes(scene).expectMoved(id);
    },
    LONG_MS,
  );
}
