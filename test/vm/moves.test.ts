import { describe, expect, onTestFinished, test } from 'vitest';
import type { Migration } from '../../core/migration.ts';
import { withScene } from '../lab/migrationScene.ts';
import { patient } from '../lab/patience.ts';
import { expectMovesKeepMemory } from '../lab/support/movesKeepMemory.ts';
import { withPages } from '../lab/support/pagesScene.ts';
import { withLab } from '../lab/support.ts';

const LONG_MS = patient(240_000);
/** As many as the demo makes. */
const MOVES = 6;
const DEVICES = ['d1', 'd2'];
/** Different on any two machines. */
const FACT_FILES = ['/proc/sys/kernel/random/boot_id', '/etc/machine-id', '/proc/uptime'];

describe('devices with kernels of their own', () => {
  const lab = withLab();
  const scene = withScene(lab, 'vmmoves');

  test('are two machines: a boot, a clock, a machine id and systemd of their own', async () => {
    const facts = FACT_FILES.map((file) => `cat ${file}`).join('; ');
    const [one = [], other = []] = await Promise.all(
      DEVICES.map(async (device) => (await lab.exec(device, ['sh', '-c', facts])).stdout.split('\n')),
    );
    for (const index of FACT_FILES.keys()) expect(one[index]).not.toBe(other[index]);
    const { stdout } = await lab.exec('d1', [
      'systemctl',
      'is-active',
      'drayage-node.service',
      'docker.service',
    ]);
    expect(stdout).toBe('active\nactive\n');
    const cgroups = await lab.exec('d1', ['stat', '-f', '-c', '%T', '/sys/fs/cgroup']);
    expect(cgroups.stdout.trim()).toBe('cgroup2fs');
  });

  test(
    `${MOVES} moves back and forth find changed pages by soft-dirty, and keep every connection`,
    async () => {
      const moves: Migration[] = [];
      for (let count = 0; count < MOVES; count += 1)
        moves.push(await scene.ended(await scene.start(DEVICES[(count + 1) % 2])));
      expect(moves.map(outline)).toEqual(moves.map(() => ({ state: 'succeeded', tracker: 'soft-dirty' })));
      for (const { rounds } of moves) expect(rounds.length).toBeGreaterThan(0);
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    MOVES * LONG_MS,
  );

  test(
    'moves over a link of 50 ms and 1 % loss keep every connection too',
    async () => {
      const netem = ['netem', 'delay', '50ms', 'loss', '1%'];
      for (const device of DEVICES) {
        onTestFinished(async () => {
          await lab.exec(device, ['tc', 'qdisc', 'del', 'dev', 'eth0', 'root'], { allowFailure: true });
        });
        await lab.exec(device, ['tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', ...netem]);
      }
      const moves = [await scene.ended(await scene.start('d2')), await scene.ended(await scene.start('d1'))];
      expect(moves.map(outline)).toEqual(moves.map(() => ({ state: 'succeeded', tracker: 'soft-dirty' })));
      for (const device of DEVICES) {
        const { stdout } = await lab.exec(device, ['tc', '-s', 'qdisc', 'show', 'dev', 'eth0']);
        expect(stdout, 'netem was there, and lost packets').toMatch(/netem[^\n]*\n Sent[^\n]*dropped [1-9]/);
      }
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
      await scene.expectConnectionsKept();
    },
    4 * LONG_MS,
  );
});

describe('memory that checks itself, on devices with kernels of their own', () => {
  const scene = withPages(withLab(), 'vmpages', { megabytes: 32, megabytesPerSecond: 1 });

  test(
    'moves four times while it is written to: not one wrong page, by soft-dirty',
    async () => {
      const records = await expectMovesKeepMemory(scene, 4);
      expect(records.map(outline)).toEqual(
        records.map(() => ({ state: 'succeeded', tracker: 'soft-dirty' })),
      );
    },
    4 * LONG_MS,
  );

  test('finds a page that is spoiled', async () => {
    await scene.client.spoil();
    expect(await scene.client.wrongPages()).toBe(1);
  });
});

/** What is the same of every move that went well. */
function outline({ state, tracker }: Migration) {
  return { state, tracker };
}
