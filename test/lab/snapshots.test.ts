import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { problemSchema } from '../../core/api/common.ts';
import { snapshotSchema } from '../../core/api/snapshots.ts';
import { until } from '../../core/until.ts';
import { SAMPLE_WRITE_EVERY } from '../../lab/sample/sampleProtocol.ts';
import { runCli } from './cliProgram.ts';
import { LabFaults, SOON_MS } from './labFaults.ts';
import { patient } from './patience.ts';
import { SampleScene } from './support/sampleScene.ts';
import { SnapshotScene } from './support/snapshotScene.ts';
import { withLab } from './support.ts';

const LONG_MS = patient(240_000);
/** While clients talk, milliseconds. */
const TALK_MS = 1500;
const KEPT = '/kept-in-the-layer';
const KEPT_IN_MEMORY = '/dev/shm/kept';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a snapshot', () => {
  const lab = withLab();
  const sample = new SampleScene(lab, 'snapshots');
  const snapshots = new SnapshotScene(lab);
  const faults = new LabFaults(lab);
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drayage-snapshots-'));
    await sample.create({ volumes: [{ name: 'data', path: '/data' }] });
  }, LONG_MS);
  afterEach(async () => {
    await faults.mend();
    await snapshots.clear();
  }, LONG_MS);
  afterAll(async () => {
    await sample.remove();
    await rm(folder, { recursive: true, force: true });
  }, LONG_MS);

  test(
    'is taken while clients talk, and restored elsewhere as it was then: memory and files are of one moment',
    async () => {
      await snapshots.writeInside('d1', sample.id, KEPT, 'then');
      await snapshots.writeInside('d1', sample.id, KEPT_IN_MEMORY, 'then');
      const line = await sample.talk();
      await pause(TALK_MS);
      const before = await sample.status();
      const made = await snapshots.make(sample.id);
      const after = await sample.status();
      expect(made.frozenMs).toBeGreaterThan(0);
      await snapshots.expectClean('d1');
      await pause(TALK_MS);
      expect(await line.close()).toMatchObject({ lost: 0, wrong: 0, problems: [] });
      await snapshots.writeInside('d1', sample.id, KEPT, 'now');
      const now = await sample.status();

      const again = await snapshots.restore(made.id, 'snapshots-again', 'd2');
      expect(again).toMatchObject({ device: { name: 'd2' }, name: 'snapshots-again' });
      expect(again.ip).not.toBe(sample.ip);
      const restored = await snapshots.status(again.ip);
      expect(restored.counter).toBeGreaterThanOrEqual(before.counter);
      expect(restored.counter).toBeLessThanOrEqual(after.counter);
      expect(restored.fileCounter).toBe(
        Math.floor(restored.counter / SAMPLE_WRITE_EVERY) * SAMPLE_WRITE_EVERY,
      );
      expect(restored.requests).toBeGreaterThan(0);
      expect(await snapshots.readInside('d2', again.id, KEPT)).toBe('then');
      expect(await snapshots.readInside('d2', again.id, KEPT_IN_MEMORY)).toBe('then');
      expect(await snapshots.hostname('d2', again.id)).toBe('snapshots-again');
      await snapshots.expectClean('d2');
      // Neither has anything to do with the other.
      expect(await sample.status()).toMatchObject({ counter: now.counter });
      expect(await snapshots.readInside('d1', sample.id, KEPT)).toBe('now');
    },
    LONG_MS,
  );

  test(
    'of a compute that has moved is restored to one that moves and is kept again',
    async () => {
      expect(await sample.move('d2')).toMatchObject({ state: 'succeeded' });
      const line = await sample.talk();
      await pause(TALK_MS);
      const made = await snapshots.make(sample.id);
      expect(await sample.move('d1')).toMatchObject({ state: 'succeeded' });
      expect(await line.close()).toMatchObject({ lost: 0, wrong: 0, problems: [] });
      const first = await snapshots.restore(made.id, 'snapshots-first', 'd1');
      const { counter } = await snapshots.status(first.ip);
      const second = await snapshots.restore((await snapshots.make(first.id)).id, 'snapshots-second', 'd2');
      expect(await snapshots.status(second.ip)).toMatchObject({ counter });
      const moved = await runCli(lab, 'migrate', 'snapshots-first', '--to', 'd2', '--json');
      expect(moved, moved.stderr).toMatchObject({ code: 0 });
      expect(await snapshots.status(first.ip)).toMatchObject({ counter });
    },
    LONG_MS,
  );

  test(
    'is exported, deleted, imported and restored; a damaged one is refused',
    async () => {
      const { counter } = await sample.status();
      const file = join(folder, 'snapshot.tar');
      const cli = async (...words: string[]) => {
        const outcome = await runCli(lab, 'compute', 'snapshot', ...words, '--json');
        expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
        return outcome.stdout;
      };
      await cli('create', 'snapshots', '--name', 'kept', '--note', 'for later');
      await cli('export', 'kept', file);
      await cli('rm', 'kept');
      expect(await snapshots.kept()).toEqual([]);
      const made = snapshotSchema.parse(JSON.parse(await cli('import', file)));
      expect(made).toMatchObject({ name: 'kept', note: 'for later', imported: true });
      expect(await cli('ls')).toContain(made.id);
      const again = await snapshots.restore('kept', 'snapshots-imported', 'd2');
      expect(await snapshots.status(again.ip)).toMatchObject({ counter });

      const archive = await open(file, 'r+');
      const { size } = await archive.stat();
      await archive.write(Buffer.alloc(64, 0xa5), 0, 64, Math.floor(size / 2));
      await archive.close();
      const refused = await runCli(
        ...([lab, 'compute', 'snapshot', 'import', file, '--name', 'damaged', '--json'] as const),
      );
      expect(refused.code).toBe(3);
      const [cause] = problemSchema.parse(JSON.parse(refused.stdout)).causes;
      expect(cause).toMatchObject({ code: 'digestMismatch' });
      expect(refused.stderr).toContain(cause?.mend);
      expect(await snapshots.kept()).toEqual([made.id]);
    },
    LONG_MS,
  );

  test.each(['snapshot.frozen', 'snapshot.taken'] as const)(
    'whose worker is killed at %s leaves the compute running, and no files',
    async (point) => {
      const line = await sample.talk();
      await faults.arm('d1', point, 'kill');
      const id = await snapshots.begin(sample.id);
      await faults.reached('d1', point);
      // Before any worker is back.
      const alive = async () => (await sample.status().catch(() => null)) !== null;
      await until('the compute to answer', SOON_MS, alive);
      await faults.release('d1', point);
      await faults.restartKilledWorker('d1');
      const failed = await snapshots.ended(id);
      expect(failed).toMatchObject({ state: 'failed', causes: [{ code: 'workerLost' }] });
      await snapshots.expectClean('d1');
      await until('the parts to be removed', SOON_MS, async () => (await snapshots.kept()).length === 0);
      expect(await line.close()).toMatchObject({ lost: 0, wrong: 0, problems: [] });
      await snapshots.make(sample.id);
    },
    LONG_MS,
  );

  test(
    'becomes ready although the API is killed when it was taken: what stood still for it is not lost',
    async () => {
      const line = await sample.talk();
      await faults.arm('d1', 'snapshot.taken');
      const id = await snapshots.begin(sample.id);
      await faults.reached('d1', 'snapshot.taken');
      await faults.killControlParts(['api']);
      await faults.release('d1', 'snapshot.taken');
      await faults.controlReady();
      expect(await snapshots.ended(id)).toMatchObject({ state: 'ready' });
      expect(await line.close()).toMatchObject({ lost: 0, wrong: 0, problems: [] });
      const again = await snapshots.restore(id, 'snapshots-kept', 'd2');
      expect((await snapshots.status(again.ip)).counter).toBeGreaterThan(0);
    },
    LONG_MS,
  );

  test(
    'is restored from the beginning by the next worker when one is killed in the middle of it',
    async () => {
      const made = await snapshots.make(sample.id);
      await faults.arm('d2', 'snapshot.restoring', 'kill');
      const restoring = snapshots.restore(made.id, 'snapshots-late', 'd2');
      await faults.reached('d2', 'snapshot.restoring');
      await faults.release('d2', 'snapshot.restoring');
      await faults.restartKilledWorker('d2');
      const late = await restoring;
      expect((await snapshots.status(late.ip)).counter).toBe((await sample.status()).counter);
      await snapshots.expectClean('d2');
    },
    LONG_MS,
  );
});
