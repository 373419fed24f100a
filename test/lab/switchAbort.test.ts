import { describe, expect, test } from 'vitest';
import type { Failpoint } from '../../device/failpoints.ts';
import { askRefused, runCli } from './cliProgram.ts';
import { withScene } from './migrationScene.ts';
import { patient } from './patience.ts';
import { withLab } from './support.ts';

const LONG_MS = patient(240_000);

describe('a move that is aborted in its hot window', () => {
  const lab = withLab();
  const scene = withScene(lab, 'switchabort');
  const { faults } = scene;

  /** The compute runs on on d1 as if there had been no move, and its clients' connections with it. */
  async function expectStopped(id: string): Promise<void> {
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
  }

  async function expectMoved(id: string): Promise<void> {
    expect((await scene.ended(id)).state).toBe('succeeded');
    await scene.expectOneLiveCopy('d2');
    await scene.expectClean('d1');
    await scene.expectConnectionsKept();
  }

  test.each<[string, string, Failpoint]>([
    ['it is frozen and off the network', 'd1', 'source.frozen'],
    ['all of it is on its way', 'd1', 'source.dumped'],
    ['the offer is written', 'd1', 'source.offered'],
    ['the target has all of it', 'd2', 'target.restoring'],
    ['it is restored on the target', 'd2', 'target.ready'],
  ])(
    'when %s: it runs on on the source, connections and all',
    async (_when, device, point) => {
      const id = await scene.startUntil(device, point);
      const { code, stderr } = await runCli(lab, 'migration', 'abort', id);
      expect(code, stderr).toBe(0);
      // The compute was taken back while the step was held.
      await scene.untilAnswered();
      await faults.release(device, point);
      await expectStopped(id);
    },
    LONG_MS,
  );

  test.each<[string, string, Failpoint]>([
    ['the source has handed it over', 'd1', 'source.handed'],
    ['the target owns it', 'd2', 'target.owner'],
    ['it is open on the target', 'd2', 'target.live'],
  ])(
    'when %s: refused as too late, and why',
    async (_when, device, point) => {
      const id = await scene.startUntil(device, point);
      const { status, problem } = await askRefused(lab, 'POST', `/migrations/${id}/abort`);
      expect({ status, code: problem.causes[0]?.code }).toEqual({ status: 409, code: 'abortRefused' });
      expect(problem.causes[0]?.message).toMatch(/cannot be aborted any more: .*target/);
      await faults.release(device, point);
      await expectMoved(id);
    },
    LONG_MS,
  );

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
