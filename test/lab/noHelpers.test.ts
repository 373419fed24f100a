import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Migration } from '../../core/migration.ts';
import { CHECKOUT_ON_DEVICE } from '../../lab/deviceProcess.ts';
import { processesIn } from '../../lab/machine/cgroup.ts';
import { SampleScene } from './support/sampleScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 120_000;
const HELPERS = `${CHECKOUT_ON_DEVICE}/device/native/bin/${process.arch}`;
/** Mounts an empty directory over the helpers' in the device's own namespace; those that are named stay. */
const TAKE_AWAY = `
helpers=$1; shift
kept=$(mktemp -d)
for name; do cp "$helpers/$name" "$kept/"; done
mount -t tmpfs none "$helpers"
cp -r "$kept/." "$helpers/"
rm -r "$kept"`;

describe('a device that lacks native helpers', () => {
  const shared = withLab();
  const scene = new SampleScene(shared, 'nohelpers');
  const taken = new Set<string>();
  beforeAll(() => scene.create({ memoryBytes: 64 * 1024 * 1024 }), LONG_MS);
  afterAll(async () => {
    for (const device of taken) await giveBack(device);
    await scene.remove();
  }, LONG_MS);

  test(
    'copies memory in rounds by a thread of its worker, and connections are kept',
    async () => {
      await takeAway('d1');
      const moved = await moveTalking('d2');
      expect(moved).toMatchObject({ tracker: 'content', restore: { mode: 'eager' } });
      expect(moved.trackerReason).toContain('by a thread of the worker');
      expect(moved.restore?.reason).toContain('criu-hide.so');
      expectRounds(moved);
      await giveBack('d1');
    },
    LONG_MS,
  );

  test(
    'has its compute resume before its memory is there, if it can keep that out of the dump',
    async () => {
      await takeAway('d2', 'criu-hide.so');
      const moved = await moveTalking('d1');
      expect(moved).toMatchObject({ tracker: 'content', restore: { mode: 'lazy' } });
      expect(moved.trackerReason).toContain('by a thread of the worker');
      expectRounds(moved);
      await giveBack('d2');
    },
    LONG_MS,
  );

  test(
    'receives memory as CRIU dumps it, and the source keeps no helper of the attempt',
    async () => {
      await takeAway('d2');
      const moved = await moveTalking('d2');
      expect(moved).toMatchObject({ restore: { mode: 'eager' }, rounds: [] });
      expect(moved.restore?.reason).toContain('memory-target');
      expect(await programsOn('d1')).not.toContain('memory-source');
    },
    LONG_MS,
  );

  async function takeAway(device: string, ...kept: string[]): Promise<void> {
    await shared.exec(device, ['sh', '-ec', TAKE_AWAY, 'sh', HELPERS, ...kept]);
    taken.add(device);
  }

  async function giveBack(device: string): Promise<void> {
    await shared.exec(device, ['umount', HELPERS]);
    taken.delete(device);
  }

  async function moveTalking(target: string): Promise<Migration> {
    let talked = {};
    const line = await scene.talk();
    const moved = await scene.move(target).finally(async () => (talked = await line.close()));
    expect(moved).toMatchObject({ state: 'succeeded', causes: [] });
    expect(talked).toMatchObject({ lost: 0, wrong: 0, problems: [] });
    return moved;
  }

  /** The first one has found memory; those behind it found most of it unchanged. */
  function expectRounds({ rounds }: Migration): void {
    expect(rounds.length).toBeGreaterThan(1);
    expect(rounds[0]?.pages).toBeGreaterThan(50);
    expect(rounds.at(-1)?.pages).toBeLessThan((rounds[0]?.pages ?? 0) / 2);
  }

  async function programsOn(device: string): Promise<string[]> {
    const pids = await processesIn(`${shared.lab.names.cgroup}/${device}`);
    const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
    return names.map((name) => name.trim());
  }
});
