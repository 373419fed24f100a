import { describe, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { SOON_MS } from './labFaults.ts';
import { withScene } from './migrationScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 240_000;
const PROGRAM = '/opt/drayage/test/lab/sayState.ts';
const NODE = '/opt/drayage/node_modules/node/bin/node';

describe('messages lost, repeated, late', () => {
  const lab = withLab();
  const scene = withScene(lab, 'silence');
  const { faults } = scene;

  test(
    'a source cut off from everyone after its offer: frozen while it is cut, and one side goes on after the heal',
    async () => {
      const id = await scene.startUntil('d1', 'source.offered');
      await lab.cut('d1', 'd2');
      await lab.cut('d1', 'control');
      await faults.release('d1', 'source.offered');
      await scene.untilWritten('d1', 'aborting');
      const transfer = await scene.transfer();
      await scene.expectSilence(async () => {
        await faults.untilLogged('d1', { transfer, msg: 'the other device does not answer' });
        await faults.untilLogged('d1', { transfer, msg: 'the control plane does not answer' });
        const copies = await scene.copies();
        expect(copies.filter(({ device }) => device === 'd1')).toEqual([{ device: 'd1', frozen: true }]);
        expect(copies.filter(({ device }) => device === 'd2')).toEqual([]);
      });
      expect((await scene.migration(id)).state).toBe('switching');
      await lab.heal();
      expect((await scene.ended(id)).state).toBe('rolledBack');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'aborting', 'thawing', 'thawed']);
      expect((await scene.journal('d2')).at(-1)).toBe('discarded');
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'a source cut off from everyone while the target is ready: the control plane says go, and the source stays frozen',
    async () => {
      const id = await scene.startUntil('d2', 'target.ready');
      await lab.cut('d1', 'd2');
      await lab.cut('d1', 'control');
      await scene.untilWritten('d1', 'aborting');
      await faults.release('d2', 'target.ready');
      await scene.untilWritten('d2', 'owner');
      await scene.untilAnswered();
      expect(await scene.copies()).toEqual([
        { device: 'd1', frozen: true },
        { device: 'd2', frozen: false },
      ]);
      await lab.heal();
      expect((await scene.ended(id)).state).toBe('succeeded');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'aborting', 'handed', 'released']);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    "the target's `discarded` lost: asked again it says the same, and only then the source thaws",
    async () => {
      await faults.arm('d2', 'target.restoring');
      await faults.arm('d2', 'target.discarded');
      const id = await scene.start();
      await faults.reached('d2', 'target.restoring');
      const transfer = await scene.transfer();
      await faults.damageImage('d2', transfer, scene.compute.id, /^core-/);
      await faults.release('d2', 'target.restoring');
      await faults.reached('d2', 'target.discarded');
      // The control plane would do as a witness: it must be the target's word.
      await lab.lose('d1', 'control', 100);
      await lab.lose('d1', 'd2', 100);
      await faults.release('d2', 'target.discarded');
      await scene.untilWritten('d1', 'aborting');
      await scene.expectSilence(() =>
        faults.untilLogged('d1', { transfer, msg: 'the other device does not answer' }),
      );
      expect(await scene.copies()).toEqual([{ device: 'd1', frozen: true }]);
      await lab.lose('d1', 'd2', 0);
      await scene.untilWritten('d1', 'thawed');
      await scene.untilAnswered();
      expect(JSON.parse(await say(transfer, 'aborting'))).toMatchObject({ state: 'discarded' });
      await lab.heal();
      expect((await scene.ended(id)).state).toBe('rolledBack');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'aborting', 'thawing', 'thawed']);
      expect(await scene.journal('d2')).toEqual(['held', 'discarded']);
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'a stale go of an earlier transfer and a duplicate one: ignored and logged',
    async () => {
      await scene.ended(await scene.start('d2'));
      const earlier = await scene.transfer();
      await scene.ended(await scene.start('d1'));
      await faults.arm('d2', 'target.ready');
      const id = await scene.start('d2');
      await faults.reached('d2', 'target.ready');
      const transfer = await scene.transfer('d2');
      expect(transfer).not.toBe(earlier);
      await scene.expectSilence(async () => {
        expect(JSON.parse(await say(earlier, 'handed'))).toMatchObject({ state: 'owner', ready: false });
      });
      expect(await ignored(earlier)).toHaveLength(1);
      expect(await scene.journal('d2')).toEqual(['held']);
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered']);
      await faults.release('d2', 'target.ready');
      expect((await scene.ended(id)).state).toBe('succeeded');

      expect(JSON.parse(await say(transfer, 'handed'))).toMatchObject({ state: 'owner', live: true });
      expect(await ignored(transfer)).toHaveLength(1);
      expect(await scene.journal('d2')).toEqual(['held', 'owner']);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'an attempt of the switch that was timed out and still runs: it changes nothing',
    async () => {
      const id = await scene.startUntil('d1', 'source.handed');
      await faults.signalWorker('d1', 'SIGSTOP');
      await until(
        'the server to give the attempt up',
        SOON_MS,
        async () => (await attempts('switchSource')) > 1,
        200,
      );
      await faults.signalWorker('d1', 'SIGCONT');
      // The second attempt runs beside the first, which nobody waits for any more.
      await until('a second attempt to run', SOON_MS, () => isStarted('switchSource', 2), 200);
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'handed']);
      await faults.release('d1', 'source.handed');
      expect((await scene.ended(id)).state).toBe('succeeded');
      expect(await scene.journal('d1')).toEqual(['frozen', 'offered', 'handed', 'released']);
      expect(await scene.journal('d2')).toEqual(['held', 'owner']);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  /** Says a state to d2 as d1's worker would; the answer. */
  async function say(transfer: string, state: string): Promise<string> {
    const { items } = (await (await lab.api()).request('GET', '/devices')) as {
      items: { id: string; name: string }[];
    };
    const peer = items.find(({ name }) => name === 'd2')?.id ?? '';
    const address = `${lab.lab.addresses.device('d2')}:7444`;
    const { group, epoch } = await scene.show();
    const args = [transfer, group, String(epoch), state, peer, address];
    return (await lab.exec('d1', [NODE, '--no-warnings', PROGRAM, ...args])).stdout;
  }

  function ignored(transfer: string) {
    return faults.logged('d2', { transfer, msg: 'a late message changes nothing', said: 'handed' });
  }

  async function pending(activity: string) {
    const { raw } = await scene.describeWorkflow();
    return raw.pendingActivities?.find(({ activityType }) => activityType?.name === activity);
  }

  async function attempts(activity: string): Promise<number> {
    return (await pending(activity))?.attempt ?? 0;
  }

  async function isStarted(activity: string, attempt: number): Promise<boolean> {
    const found = await pending(activity);
    return (found?.attempt ?? 0) >= attempt && Number(found?.state) === STARTED;
  }
});

/** PENDING_ACTIVITY_STATE_STARTED of Temporal's API. */
const STARTED = 2;
