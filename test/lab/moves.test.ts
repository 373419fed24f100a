import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listOf } from '../../core/api/common.ts';
import { volumeSchema } from '../../core/api/volumes.ts';
import { until } from '../../core/until.ts';
import { volumeListingSchema } from '../../core/volumeFiles.ts';
import type { Migration } from '../../core/migration.ts';
import type { DeviceCensus } from '../../lab/deviceCensus.ts';
import { SAMPLE_COUNTER_FILE } from '../../lab/sample/sampleProtocol.ts';
import { DeviceSide } from './support/deviceSide.ts';
import { SampleScene } from './support/sampleScene.ts';
import { switchOutcome } from './support/switchOutcome.ts';
import { withLab } from './support.ts';

const LONG_MS = 120_000;

describe('a compute that moves', () => {
  const shared = withLab();
  const scene = new SampleScene(shared, 'moves');
  const on = new DeviceSide(shared, scene);
  beforeAll(
    () =>
      scene.create({
        memoryBytes: 64 * 1024 * 1024,
        cpus: 0.5,
        restart: 'on-failure',
        volumes: [{ name: 'kept', path: '/kept' }],
      }),
    LONG_MS,
  );
  afterAll(() => scene.remove(), LONG_MS);

  test(
    'has two waits for the target in its hot window, and keeps its connection',
    async () => {
      const line = await scene.talk();
      const moved = await scene.move('d2');
      expect(moved.state).toBe('succeeded');
      const names = moved.phases.map(({ name }) => name);
      expect(names).toEqual(
        expect.arrayContaining(['freeze', 'plug', 'dump', 'transfer', 'restore', 'handOver', 'unplug']),
      );
      expect(await line.close()).toMatchObject({ lost: 0, wrong: 0 });
      expect((await switchOutcome(shared.lab, moved)).roundTrips, 'answers waited for in the freeze').toBe(2);
      await scene.move('d1');
    },
    LONG_MS,
  );

  test(
    'keeps its files, its log, its clock, its limits and its rights',
    async () => {
      const before = await on.look();
      const clockBefore = (await scene.status()).monotonicMs;
      await on.execInside([
        'sh',
        '-c',
        'echo kept > /data/kept; echo volume > /kept/file; rm -f /etc/group; ln /data/kept /data/link',
      ]);
      await scene.move('d2');
      const after = await on.look();
      expect(after).toEqual(before);
      expect(before).toMatchObject({
        seccomp: '2',
        noNewPrivileges: '0',
        memoryLimit: String(64 * 1024 * 1024),
        hugePages: '0',
        niceness: '0',
      });
      // Another device, another boot, another clock: the process's own goes on.
      const clockAfter = (await scene.status()).monotonicMs;
      expect(clockAfter).toBeGreaterThan(clockBefore);
      expect(clockAfter - clockBefore).toBeLessThan(60_000);
      const inside = await on.execInside([
        'sh',
        '-c',
        `cat /data/kept /data/link /kept/file; ls /etc; stat -c %h /data/kept; cat ${SAMPLE_COUNTER_FILE}`,
      ]);
      expect(inside.split('\n').slice(0, 3)).toEqual(['kept', 'kept', 'volume']);
      expect(inside).not.toContain('group');
      expect(inside).toMatch(/\n2\n/);
      const api = await shared.api();
      const { items } = listOf(volumeSchema).parse(await api.request('GET', `/volumes?compute=${scene.id}`));
      const files = await api.request('GET', `/volumes/${items[0]?.id ?? ''}/files`);
      expect(volumeListingSchema.parse(files).entries, 'of the volume, by the API').toMatchObject([
        { name: 'file', kind: 'file', bytes: 'volume\n'.length },
      ]);
      const log = await on.docker('d2', ['logs', on.containerName()]);
      expect(log.match(/^ready/gm), 'the history came along, once').toHaveLength(1);
    },
    LONG_MS,
  );

  test(
    'is an ordinary container on the target and gone from the source',
    async () => {
      expect(await on.docker('d2', ['ps', '--format', '{{.Names}} {{.Status}}'])).toMatch(
        new RegExp(`${scene.id} Up`),
      );
      expect(await on.docker('d1', ['ps', '-aq'])).toBe('');
      expect(await on.docker('d1', ['volume', 'ls', '-q'])).toBe('');
      expect(await on.docker('d2', ['logs', on.containerName()])).toContain('ready');
      expect(await on.docker('d2', ['exec', on.containerName(), 'echo', 'hello'])).toBe('hello');
    },
    LONG_MS,
  );

  test(
    'is started again by its restart policy when its process fails after a move',
    async () => {
      const before = (await scene.status()).pid;
      await on.killFirstProcess();
      await until(
        'the compute to be started again',
        30_000,
        async () => (await scene.status().catch(() => null))?.requests === 1,
        200,
      );
      expect(before).toBeGreaterThan(0);
      const compute = await scene.show();
      expect(compute).toMatchObject({ state: 'running', restarts: 1 });
      expect((await scene.move('d1')).state).toBe('succeeded');
    },
    LONG_MS,
  );

  test(
    'stops when it is told to, as any container does, and starts again',
    async () => {
      await scene.stop();
      expect(await on.docker('d1', ['ps', '-q', '--filter', `name=${on.containerName()}$`])).toBe('');
      await scene.start();
      expect((await scene.status()).requests).toBe(1);
    },
    LONG_MS,
  );

  test('moves twenty times and leaves nothing behind on either device', async () => {
    // What is made once (images, directories) is there, and what a compute that has come by a move has beside it.
    for (const device of ['d2', 'd1']) expect((await scene.move(device)).state).toBe('succeeded');
    const before = await settledCensus(['d1', 'd2']);
    const line = await scene.talk();
    const moves: Migration[] = [];
    for (let count = 0; count < 20; count += 1) moves.push(await scene.move(count % 2 === 0 ? 'd2' : 'd1'));
    expect(moves.map(({ state }) => state)).toEqual(Array.from({ length: 20 }, () => 'succeeded'));
    expect(new Set(moves.map(({ epoch }) => epoch)).size, 'every move has an epoch of its own').toBe(20);
    expect(await line.close()).toMatchObject({ lost: 0, wrong: 0 });
    const expected = before.map(comparable);
    const settled = () =>
      settledCensus(['d1', 'd2']).then((now) => equal(now.map(comparable), expected) && !grown(before, now));
    await until('both devices to be as before', 60_000, settled, 500).catch(() => undefined);
    const after = await settledCensus(['d1', 'd2']);
    expect(after.map(comparable)).toEqual(expected);
    expect(grown(before, after), 'open files of the workers').toBe(false);
  }, 300_000);

  /** Counts after a moment: helpers that were told to end have ended. */
  async function settledCensus(devices: string[]): Promise<DeviceCensus[]> {
    let last: DeviceCensus[] = [];
    await until(
      'the devices to come to rest',
      30_000,
      async () => {
        const now = await Promise.all(devices.map((device) => shared.deviceCensus(device)));
        const rests = equal(now, last);
        last = now;
        return rests;
      },
      500,
    );
    return last;
  }
});

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What must be equal: all but the worker's pooled connections to the control plane, which come and go. */
function comparable({ workerFiles: _, files, ...counts }: DeviceCensus): object {
  // A container has a new id on every device it comes to.
  return { ...counts, files: files.map((file) => file.replace(/[0-9a-f]{64}/, 'ID')) };
}

function grown(before: DeviceCensus[], after: DeviceCensus[]): boolean {
  return after.some(({ workerFiles }, index) => workerFiles > (before[index]?.workerFiles ?? 0));
}
