import { afterAll, beforeAll, expect, test } from 'vitest';
import { metricsSchema } from '../../core/api/metrics.ts';
import { until } from '../../core/until.ts';
import { createSampleCompute, moveCompute, removeCompute } from '../../lab/demo/sampleCompute.ts';
import { importImage } from '../../lab/importImage.ts';
import { buildKindsImage } from '../../lab/programs/buildKindsImage.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
/** Three reports: the first has no rate. */
const TOLD_MS = 60_000;
const IMAGE = 'metrics';
const shared = withLab();
let id = '';

beforeAll(async () => {
  const api = await shared.api();
  const path = await buildKindsImage();
  await importImage(shared.lab, api, { name: IMAGE, path, command: ['/bin/sh'] });
  const request = { name: 'busy', image: IMAGE, device: 'd1', cpus: 0.5 };
  const command = ['/bin/sh', '-c', 'trap exit TERM; while :; do :; done'];
  ({ id } = await createSampleCompute(api, { ...request, command }));
}, LONG_MS);

afterAll(async () => {
  const api = await shared.api();
  await removeCompute(api, id);
  await api.request('DELETE', `/images/${IMAGE}`);
}, LONG_MS);

async function look(path: string) {
  return metricsSchema.parse(await (await shared.api()).request('GET', `${path}/metrics`));
}

test(
  "a compute's use is told by the device that it is on, before a move and after it",
  async () => {
    const told = async (after: string) =>
      (await look(`/computes/${id}`)).items.find(({ at, cpus }) => at > after && cpus > 0.2);
    const before = await until('the use to be told', TOLD_MS, async () => (await told('')) ?? false, 500);
    // Its limit is half a processor.
    expect(before.cpus).toBeLessThan(0.75);
    expect(before.memoryBytes).toBeGreaterThan(0);
    const device = await look('/devices/d1');
    expect(device.resolutionSeconds).toBe(10);
    expect(device.items.at(-1)?.cpus).toBeGreaterThan(0.1);

    expect(await moveCompute(await shared.api(), id, 'd2')).toMatchObject({ state: 'succeeded' });
    // A span that began before the move may have samples of both devices.
    const moved = new Date(Date.now() + 10_000).toISOString();
    const after = await until(
      'the use to be told by the target',
      TOLD_MS,
      async () => (await told(moved)) ?? false,
      500,
    );
    expect(after.cpus).toBeLessThan(0.75);
  },
  LONG_MS,
);
