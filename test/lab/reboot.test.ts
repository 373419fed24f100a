import { afterAll, beforeAll, expect, test } from 'vitest';
import { importImage } from '../../lab/importImage.ts';
import { buildKindsImage } from '../../lab/programs/buildKindsImage.ts';
import { ComputeScene, END_MS } from './computeScene.ts';
import { patient } from './patience.ts';
import { withLab } from './support.ts';

const LONG_MS = patient(240_000);
const IMAGE = 'reboot';
const lab = withLab();
const stays = new ComputeScene(lab);
const moves = new ComputeScene(lab);

beforeAll(async () => {
  const path = await buildKindsImage();
  await importImage(lab.lab, await lab.api(), { name: IMAGE, path, command: ['/bin/sleep', '100000'] });
  const restartPolicy = { name: 'always' };
  await stays.create({ name: 'stays', image: IMAGE, restartPolicy });
  await moves.create({ name: 'moves', image: IMAGE, restartPolicy });
}, LONG_MS);

afterAll(async () => {
  await stays.remove();
  await moves.remove();
  await (await lab.api()).request('DELETE', `/images/${IMAGE}`);
}, 3 * END_MS);

test(
  'a device that was rebooted has its computes under their epoch, and none that was moved away meanwhile',
  async () => {
    const { epoch, ip } = await stays.show();
    // The source gave it away and was not told of more: its copy is still there.
    const id = await moves.startUntil('d1', 'source.go', { action: 'kill' });
    await moves.untilWritten('d2', 'owner');
    expect(await lab.kill('d1')).toBe(true);
    await moves.expectOneLiveCopy('d2');
    expect(await stays.copies()).toEqual([]);
    await lab.start('d1');

    await stays.expectOneLiveCopy('d1');
    expect(await stays.show()).toMatchObject({ epoch, ip, desired: 'running' });
    expect((await moves.ended(id)).state).toBe('succeeded');
    await moves.expectOneLiveCopy('d2');
    expect(await moves.show()).toMatchObject({ epoch: epoch + 1 });
    await moves.expectClean('d1');
  },
  LONG_MS,
);
