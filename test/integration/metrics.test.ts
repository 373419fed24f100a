import { readFile } from 'node:fs/promises';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../api/app.ts';
import type { Sample } from '../../core/metrics.ts';
import { addMetrics, removeOldMetrics } from '../../db/metrics.ts';
import { addPhases, finishMigration, type MigrationEnd } from '../../db/migrationRecords.ts';
import { useApi } from './support/api.ts';
import { makeCompute, makeDevice, makeTransfer } from './support/fixtures.ts';

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

describe("Prometheus' figures", () => {
  async function scrape(app = api.app): Promise<string> {
    const token = (await api.call('POST', '/tokens', { name: 'x' })).body.secret;
    const answer = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } });
    expect(answer.statusCode).toBe(200);
    return answer.body;
  }

  it('are those that the documentation names, with its types', async () => {
    const documented = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const inTable = [...documented.matchAll(/^\| `(drayage_\w+)` \| (\w+) \| \S/gm)].map(
      ([, name, type]) => `${String(name)} ${String(type)}`,
    );
    const exposed = [...(await scrape()).matchAll(/^# TYPE (drayage_\w+ \w+)$/gm)].map(([, one]) => one);
    expect(inTable.sort()).toEqual(exposed.sort());
  });

  it('of moves are right in every process, and after a restart', async () => {
    const { db } = api.context;
    const move = async (end: MigrationEnd, phases: [string, number][] = []) => {
      const { migrationId, id } = await makeTransfer(db);
      const startedAt = '2026-01-01T00:00:00.000Z';
      await addPhases(
        db,
        migrationId,
        phases.map(([name, ms]) => ({ name: name as 'unplug', startedAt, ms })),
      );
      await finishMigration(db, migrationId, end);
      await db.execute(
        sql`update transfer set closed_at = now(), verdict = 'go', outcome = 'owner' where id = ${id}`,
      );
    };
    const reason = 'x';
    await move({ state: 'succeeded', reason, frozenMs: 90 }, [
      ['restore', 5000],
      ['handOver', 15],
      ['unplug', 5],
    ]);
    await move({ state: 'succeeded', reason, frozenMs: 400 }, [
      ['handOver', 50],
      ['unplug', 100],
    ]);
    await move({ state: 'rolledBack', reason, frozenMs: 9000 });
    const other = await createApp(api.context);
    const figures = (text: string) =>
      text
        .split('\n')
        .filter((line) => /^drayage_move/.test(line) && !/bucket\{le="(?!0.1|0.5|30|\+Inf)/.test(line));
    const text = await scrape();
    expect(figures(text)).toEqual([
      'drayage_moves_total{state="rolledBack"} 1',
      'drayage_moves_total{state="succeeded"} 2',
      'drayage_move_frozen_seconds_bucket{le="0.1"} 1',
      'drayage_move_frozen_seconds_bucket{le="0.5"} 2',
      'drayage_move_frozen_seconds_bucket{le="30"} 2',
      'drayage_move_frozen_seconds_bucket{le="+Inf"} 2',
      'drayage_move_frozen_seconds_sum 0.49',
      'drayage_move_frozen_seconds_count 2',
      'drayage_move_gap_seconds_bucket{le="0.1"} 0',
      'drayage_move_gap_seconds_bucket{le="0.5"} 1',
      'drayage_move_gap_seconds_bucket{le="30"} 2',
      'drayage_move_gap_seconds_bucket{le="+Inf"} 2',
      'drayage_move_gap_seconds_sum 0.66',
      'drayage_move_gap_seconds_count 2',
    ]);
    expect(figures(await scrape(other))).toEqual(figures(text));
    await other.close();
  });

  it('of webhooks tell which fail, and for how long', async () => {
    for (let at = 0; at < 3; at += 1) await api.call('POST', '/webhooks', { url: 'https://example.org/' });
    await api.context.db.execute(sql`
      update webhook set failures = 2, failing_since = now() - interval '1 hour'
      where seq = (select min(seq) from webhook)`);
    await api.context.db.execute(sql`
      update webhook set enabled = false where seq = (select max(seq) from webhook)`);
    const text = await scrape();
    for (const state of ['fine', 'failing', 'disabled'])
      expect(text).toContain(`drayage_webhooks{state="${state}"} 1`);
    expect(Number(/^drayage_webhook_longest_failing_seconds (.+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(
      3600,
    );
  });
});
