import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { addMetrics } from '../../../db/metrics.ts';
import type { Database } from '../../../db/database.ts';
import { updateDevice } from '../../../db/devices.ts';
import { discoverDevice } from '../../../db/discovery.ts';
import { device } from '../../../db/schema/index.ts';
import { setComputeState } from '../../../db/computes.ts';
import { id, makeCompute, makeDevice, makeInventory } from '../../integration/support/fixtures.ts';

const GIB = 2 ** 30;

export interface Fleet {
  /** Ids by name. */
  devices: Record<string, string>;
  computes: Record<string, string>;
}

/**
 * A few devices as they stand in two halls: one of another architecture, one without a place, and one that has been found
 * and waits for approval. `web` and `db` run on north-1, `worker` on south-1, and `batch` is stopped there.
 */
export async function makeFleet(db: Database, tenantId: string): Promise<Fleet> {
  const devices: Record<string, string> = {};
  const computes: Record<string, string> = {};
  const at = async (name: string, location: string | null, architecture = 'x64') => {
    const row = await makeDevice(db, { name, inventory: { architecture, hostname: name } });
    devices[name] = row.id;
    const labels = { floor: name.endsWith('1') ? '1' : '2' };
    if (location !== null) await updateDevice(db, row.id, { location, labels });
  };
  await at('north-1', 'North hall');
  await at('north-2', 'North hall');
  await at('south-1', 'South hall');
  await at('south-arm', 'South hall', 'arm64');
  await at('spare', null);
  const found = await discoverDevice(db, {
    id: id('device'),
    name: 'newcomer',
    publicKeyHash: randomBytes(32).toString('hex'),
    inventory: makeInventory({ hostname: 'newcomer' }),
  });
  devices['newcomer'] = found.id;
  for (const [name, device] of [
    ['web', 'north-1'],
    ['db', 'north-1'],
    ['worker', 'south-1'],
    ['batch', 'south-1'],
  ] as const) {
    const made = await makeCompute(db, { name, deviceId: devices[device] ?? '', tenantId });
    computes[name] = made.id;
  }
  await setComputeState(db, computes['batch'] ?? '', 'stopped');
  await addMetrics(db, devices['north-1'] ?? '', {
    device: {
      ...{ cpus: 1.7, memoryBytes: 2.5 * GIB, diskBytes: 9 * GIB },
      ...{ receivedBytesPerSecond: 120_000, sentBytesPerSecond: 80_000 },
    },
    computes: [],
  });
  // Nobody tells a sign of life here; this one lasts for the test.
  await db.update(device).set({ lastHeartbeatAt: sql`now() + interval '1 hour'` });
  return { devices, computes };
}
