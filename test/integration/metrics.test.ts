import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { Sample } from '../../core/metrics.ts';
import { addMetrics, removeOldMetrics } from '../../db/metrics.ts';
import { useApi } from './support/api.ts';
import { makeCompute, makeDevice } from './support/fixtures.ts';

const api = useApi();

const sample = (cpus: number): Sample => ({
  cpus,
  memoryBytes: cpus * 1000,
  diskBytes: 10,
  receivedBytesPerSecond: 1,
  sentBytesPerSecond: 2,
});

interface Metrics {
  resolutionSeconds: number;
  items: (Sample & { at: string })[];
}

async function look(path: string): Promise<Metrics> {
  const { status, body } = await api.call('GET', path);
  expect(status).toBe(200);
  return body as unknown as Metrics;
}

/** All rows as if they had been written so many seconds before. */
const age = (seconds: number) =>
  api.context.db.execute(sql`update metric set at = at - make_interval(secs => ${seconds})`);

describe('metrics', () => {
  it('are of the device that tells them and of the computes that it owns', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db);
    const other = await makeCompute(db);
    const device = compute.placement?.deviceId ?? '';
    const computes = [compute, other].map(({ id }) => ({ id, sample: sample(0.5) }));
    await addMetrics(db, device, { device: sample(1.5), computes });
    expect(await look(`/devices/${device}/metrics`)).toMatchObject({
      resolutionSeconds: 10,
      items: [sample(1.5)],
    });
    expect((await look(`/computes/${compute.name}/metrics`)).items).toMatchObject([sample(0.5)]);
    expect((await look(`/computes/${other.id}/metrics`)).items).toEqual([]);
  });

  it('are means, the coarser the further back one looks', async () => {
    const { db } = api.context;
    const { id: device } = await makeDevice(db);
    const told = [1, 2, 6];
    for (const cpus of told) await addMetrics(db, device, { device: sample(cpus), computes: [] });
    for (const [seconds, resolution] of [
      [7_200, 60],
      [86_400, 600],
    ]) {
      const { resolutionSeconds, items } = await look(
        `/devices/${device}/metrics?seconds=${String(seconds)}`,
      );
      expect(resolutionSeconds).toBe(resolution);
      // A span may have ended between two of the three.
      expect(items.length).toBeLessThanOrEqual(2);
      if (items.length === 1) expect(items[0]).toMatchObject({ cpus: 3, memoryBytes: 3000 });
    }
  });

  it('are kept for as long as their resolution says', async () => {
    const { db } = api.context;
    const { id: device } = await makeDevice(db);
    const left = async () => {
      await removeOldMetrics(db);
      const rows = await db.execute<{ s: number }>(
        sql`select distinct resolution_seconds as s from metric order by 1`,
      );
      return rows.map(({ s }) => s);
    };
    await addMetrics(db, device, { device: sample(1), computes: [] });
    expect(await left()).toEqual([10, 60, 600]);
    await age(2 * 3_600);
    expect(await left()).toEqual([60, 600]);
    await age(10 * 3_600);
    expect(await left()).toEqual([600]);
    await age(14 * 3_600);
    expect(await left()).toEqual([]);
  });
});
