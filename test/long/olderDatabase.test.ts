import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../core/until.ts';
import { WORKER_LOG } from '../../lab/device.ts';
import { SampleScene } from '../lab/support/sampleScene.ts';
import { withLab } from '../lab/support.ts';

/** A device compares its journal with its placements every half minute. */
const SETTLED_MS = 90_000;
const LONG_MS = 300_000;

/** The control plane's database is set back to what an older backup had, under devices that go on. */
describe('a database of an older backup', () => {
  const shared = withLab();
  let scene: SampleScene;
  let sql: postgres.Sql;
  let count = 0;

  beforeAll(async () => {
    const password = await readFile(join(shared.lab.paths.controlData, 'postgres-password'), 'utf8');
    sql = postgres(`postgres://drayage:${password}@127.0.0.1:${shared.lab.ports.postgres}/drayage`, {
      max: 1,
    });
  });
  afterAll(() => sql.end());
  beforeEach(async () => {
    scene = new SampleScene(shared, `older-${(count += 1)}`);
    await scene.create({ restart: 'always' });
    expect((await scene.move('d2')).state).toBe('succeeded');
  }, LONG_MS);
  afterEach(async () => {
    await shared.heal();
    await scene.remove();
  }, LONG_MS);

  const where = async () => {
    const { device, epoch } = await scene.show();
    return `${device.name} ${epoch}`;
  };
  const untilWhere = (place: string) =>
    until(`the record to be ${place}`, SETTLED_MS, async () => (await where()) === place, 200);
  const eventOf = (type: string) =>
    until(
      `the event ${type}`,
      SETTLED_MS,
      async () => (await sql`select 1 from event where subject = ${scene.id} and type = ${type}`).length > 0,
      200,
    );

  /** As before the move: nothing of it is known, and the compute is on d1. */
  async function forgetMove(): Promise<void> {
    await sql.begin(async (tx) => {
      const [row] = await tx<{ group_id: string }[]>`select group_id from compute where id = ${scene.id}`;
      const group = row!.group_id;
      await tx`update placement set device_id = (select id from device where name = 'd1'), epoch = 1 where group_id = ${group}`;
      await tx`delete from transfer where group_id = ${group}`;
      await tx`delete from migration where group_id = ${group}`;
    });
    expect(await where()).toBe('d1 1');
  }

  /** What it would clear away is gone when this resolves: a worker is ready after it has looked at its placements. */
  async function restartWorker(device: string): Promise<void> {
    const starts = async () =>
      (await shared.exec(device, ['cat', WORKER_LOG])).stdout.split('"msg":"ready"').length;
    const before = await starts();
    await shared.kill(device, 'worker');
    await shared.start(device);
    await until(`the worker of ${device}`, SETTLED_MS, async () => (await starts()) > before, 200);
  }

  it(
    'hears where a compute has gone since, which its clients do not notice',
    { timeout: LONG_MS },
    async () => {
      const line = await scene.talk();
      await forgetMove();
      await untilWhere('d2 2');
      await eventOf('compute.handedOver');
      expect(await line.close()).toMatchObject({ lost: 0, wrong: 0 });
      expect((await scene.move('d1')).state).toBe('succeeded');
      expect(await where()).toBe('d1 3');
    },
  );

  it('hears the epoch that a compute has by now', { timeout: LONG_MS }, async () => {
    await sql`update placement set epoch = 1 where group_id = (select group_id from compute where id = ${scene.id})`;
    await untilWhere('d2 2');
    await eventOf('compute.epochRaised');
  });

  it(
    'has no compute removed that came to a device since, though its worker starts anew',
    { timeout: LONG_MS },
    async () => {
      // The device that could say where the compute went is away for as long as it takes.
      await shared.cut('d1', 'control');
      await forgetMove();
      const { pid, monotonicMs } = await scene.status();
      await restartWorker('d2');
      await eventOf('compute.claimed');
      expect(await where()).toBe('d1 1');
      const after = await scene.status();
      expect(after.pid).toBe(pid);
      expect(after.monotonicMs).toBeGreaterThan(monotonicMs);
      await shared.heal();
      await untilWhere('d2 2');
    },
  );

  it('has no compute removed that was made since', { timeout: LONG_MS }, async () => {
    const other = { compute: 'cmp_000000000000', group: 'grp_000000000000' };
    const rename = async (compute: [string, string], group: [string, string]) =>
      sql.begin(async (tx) => {
        // Under another name the compute is unknown; no key may follow it.
        await tx`set local session_replication_role = replica`;
        await tx`update compute set id = ${compute[1]} where id = ${compute[0]}`;
        await tx`update placement set group_id = ${group[1]} where group_id = ${group[0]}`;
      });
    const [row] = await sql<{ group_id: string }[]>`select group_id from compute where id = ${scene.id}`;
    const group = row!.group_id;
    await rename([scene.id, other.compute], [group, other.group]);
    try {
      const { monotonicMs } = await scene.status();
      await restartWorker('d2');
      expect((await scene.status()).monotonicMs).toBeGreaterThan(monotonicMs);
    } finally {
      await rename([other.compute, scene.id], [other.group, group]);
    }
  });
});
