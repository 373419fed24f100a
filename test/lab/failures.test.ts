import { describe, expect, test } from 'vitest';
import { withScene } from './migrationScene.ts';
import { patient } from './patience.ts';
import { withLab } from './support.ts';

const LONG_MS = patient(240_000);

describe('a step that fails', () => {
  const lab = withLab();
  const scene = withScene(lab, 'failures');
  const { faults } = scene;

  test(
    'a damaged image file on the target: rolled back, and the reason names the restore',
    async () => {
      const id = await scene.startUntil('d2', 'target.restoring');
      await faults.damageImage('d2', await scene.transfer(), scene.compute.id, /^core-/);
      await faults.release('d2', 'target.restoring');
      const { state, reason, causes, frozenMs } = await scene.ended(id);
      expect({ state, frozenMs }).toEqual({ state: 'rolledBack', frozenMs: null });
      expect(causes[0]?.code).toBe('restoreFailed');
      expect(causes[0]?.message).toMatch(/could not be restored on the target/);
      expect(reason).not.toBe('');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'thawing', 'thawed']);
      expect(await scene.journal('d2')).toEqual(['held', 'discarded']);
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test.each(['source.dumped', 'source.offered'] as const)(
    'the link cut at %s, before the target has all of it: rolled back, and whole after the heal',
    async (point) => {
      const id = await scene.startUntil('d1', point);
      await lab.cut('d1', 'd2');
      await faults.release('d1', point);
      await scene.untilWritten('d1', 'thawed');
      // The control plane reaches both: the source need not wait for the heal.
      await scene.untilAnswered();
      await lab.heal();
      const { state, causes } = await scene.ended(id);
      expect(state).toBe('rolledBack');
      expect(causes.map(({ code }) => code)).toContain('linkLost');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'aborting', 'thawing', 'thawed']);
      // What was on its way may still come after the heal; it is too late to matter.
      const states = await scene.journal('d2');
      expect(states.at(-1)).toBe('discarded');
      expect(states).not.toContain('owner');
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'the link cut after go was sent: the target is live, once, while it is cut and after',
    async () => {
      const id = await scene.startUntil('d1', 'source.go');
      await scene.untilWritten('d2', 'owner');
      await lab.cut('d1', 'd2');
      await faults.release('d1', 'source.go');
      await scene.untilAnswered();
      await lab.heal();
      expect((await scene.ended(id)).state).toBe('succeeded');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'handed', 'released']);
      expect(await scene.journal('d2')).toEqual(['held', 'owner']);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'the link cut at the commit point: the source stays frozen until it hears of it, and the move has ended before',
    async () => {
      const id = await scene.startUntil('d2', 'target.owner');
      await lab.cut('d1', 'd2');
      await faults.release('d2', 'target.owner');
      const { state, reason } = await scene.ended(id);
      expect(state).toBe('succeeded');
      expect(reason).toMatch(/source was not reached/);
      expect(await scene.copies()).toEqual([
        { device: 'd1', frozen: true },
        { device: 'd2', frozen: false },
      ]);
      expect((await scene.show()).device.name).toBe('d2');
      await scene.untilAnswered();
      await lab.heal();
      await scene.expectOneLiveCopy('d2');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'handed', 'released']);
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );
});
