import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupSchema } from '../../core/api/groups.ts';
import { LabFaults } from './labFaults.ts';
import { SampleScene } from './support/sampleScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 120_000;

describe('a group of two computes', () => {
  const shared = withLab();
  const members = [new SampleScene(shared, 'group-web'), new SampleScene(shared, 'group-db')];
  const [web, db] = members as [SampleScene, SampleScene];
  const faults = new LabFaults(shared);
  beforeAll(async () => {
    await (await shared.api()).request('POST', '/groups', { name: 'together' });
    for (const member of members) await member.create({ group: 'together' });
  }, LONG_MS);
  afterAll(async () => {
    await faults.mend();
    for (const member of members) await member.remove();
    await (await shared.api()).request('DELETE', '/groups/together');
  }, LONG_MS);

  const group = async () => groupSchema.parse(await (await shared.api()).request('GET', '/groups/together'));

  test(
    'moves as one, there and back, and each keeps its connections',
    async () => {
      const before = await group();
      expect(before).toMatchObject({ device: { name: 'd1' }, computes: [{ id: web.id }, { id: db.id }] });
      const lines = await Promise.all(members.map((member) => member.talk()));
      for (const [index, target] of ['d2', 'd1'].entries()) {
        const moved = await (index === 0 ? web : db).move(target);
        expect(moved, moved.reason).toMatchObject({ state: 'succeeded', target: { name: target } });
        for (const member of members)
          expect(await member.show()).toMatchObject({
            ...{ state: 'running', device: { name: target }, epoch: before.epoch + index + 1 },
          });
      }
      for (const line of lines) expect(await line.close()).toMatchObject({ lost: 0, wrong: 0 });
    },
    LONG_MS,
  );

  test(
    'is refused a move while one of them is stopped, and goes when it runs again',
    async () => {
      await db.stop();
      await expect(web.move('d2')).rejects.toMatchObject({ cause_: { code: 'notRunning' } });
      await db.start();
      expect(await web.move('d2')).toMatchObject({ state: 'succeeded' });
      expect(await db.status()).toMatchObject({ pid: expect.any(Number) as number });
      await db.move('d1');
    },
    LONG_MS,
  );

  test(
    'stays as one where it was when the target dies with both of them restored',
    async () => {
      const lines = await Promise.all(members.map((member) => member.talk()));
      await faults.arm('d2', 'target.ready', 'kill');
      const [moved] = await Promise.all([web.move('d2'), faults.restartKilledWorker('d2')]);
      expect(moved, moved.reason).toMatchObject({ state: 'rolledBack' });
      for (const member of members)
        expect(await member.show()).toMatchObject({ state: 'running', device: { name: 'd1' } });
      for (const line of lines) expect(await line.close()).toMatchObject({ lost: 0, wrong: 0 });
      // Whoever was killed has to be heard again before the next is moved there.
      await faults.mend();
    },
    LONG_MS,
  );

  test(
    'that was emptied takes a new compute, which can be moved, under an epoch that the group never had',
    async () => {
      const { epoch } = await group();
      for (const member of members) await member.remove();
      expect(await group()).toMatchObject({ device: null, computes: [] });
      await web.create({ group: 'together' });
      expect((await group()).epoch).toBe(epoch + 1);
      expect(await web.move('d2')).toMatchObject({ state: 'succeeded' });
      expect(await group()).toMatchObject({ epoch: epoch + 2, device: { name: 'd2' } });
    },
    LONG_MS,
  );
});
