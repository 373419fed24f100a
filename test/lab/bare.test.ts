import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containerName } from '../../device/engine/containerOptions.ts';
import { measureBare } from '../../lab/demo/bare.ts';
import { SampleScene } from './support/sampleScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 120_000;

describe('the bare figures of runc', () => {
  const shared = withLab();
  const scene = new SampleScene(shared, 'bare');
  beforeAll(() => scene.create(), LONG_MS);
  afterAll(() => scene.remove(), LONG_MS);

  test(
    'are taken of a copy, which leaves nothing behind and the compute as it was',
    async () => {
      const look = async () => {
        const { mounts, processes, cards, cgroups, files } = await shared.deviceCensus('d1');
        return { mounts, processes, cards, cgroups, files };
      };
      const talk = await scene.talk();
      // The first command on a device makes the cgroup for all of them.
      await shared.exec('d1', ['true']);
      const before = await look();
      const figures = await measureBare(shared.lab, 'd1', containerName(scene.id, 'compute'));
      expect(await look()).toEqual(before);
      expect(await talk.close()).toMatchObject({ lost: 0, wrong: 0 });
      expect(figures.samples).toHaveLength(5);
      expect(figures.bareMs).toBeGreaterThan(5);
      expect(figures.checkpointMs).toBeLessThan(figures.bareMs);
    },
    LONG_MS,
  );

  test('are refused, with a reason and without a trace, of a container that is not there', async () => {
    await expect(measureBare(shared.lab, 'd1', 'nobody')).rejects.toThrow(/nobody/);
    const { stdout } = await shared.exec('d1', [
      'sh',
      '-c',
      'ls -d /dev/shm/drayage-bare /var/lib/drayage/bare 2>&1; true',
    ]);
    expect(stdout).not.toMatch(/^\//m);
  });
});
