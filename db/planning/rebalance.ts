import { sql } from 'drizzle-orm';
import { planRebalance, type RebalancePlan } from '../../core/planRebalance.ts';
import type { Database } from '../database.ts';
import { allDevices } from '../devices.ts';
import { readCandidates } from './candidates.ts';
import { readUnits } from './units.ts';
import { betweenDevices } from './world.ts';

/** What would pay to be moved now; moves of rebalances of the last hour count. */
export async function rebalancePlan(tx: Database, mostPerHour: number): Promise<RebalancePlan> {
  const devices = await allDevices(tx);
  const ids = devices.map(({ id }) => id);
  const [candidates, units, [done]] = await Promise.all([
    readCandidates(tx, devices),
    readUnits(tx, { devices: ids, groups: [] }),
    tx.execute<{ count: number }>(sql`
      select count(*)::int as count from migration m join evacuation e on e.id = m.evacuation_id
      where e.kind = 'rebalance' and m.created_at > now() - interval '1 hour'`),
  ]);
  const memory = new Map(devices.map(({ id, inventory }) => [id, inventory.memoryBytes]));
  return planRebalance(
    candidates.map((device) => ({ ...device, memoryBytes: memory.get(device.id) ?? 0 })),
    [...units.values()].map((unit) => ({ ...unit, usedBytes: unit.usedBytes ?? 0 })),
    { most: Math.max(0, mostPerHour - (done?.count ?? 0)), between: betweenDevices(devices) },
  );
}
