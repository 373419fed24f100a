import { isNull, ne, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { compute, device, migration } from './schema/index.ts';

export interface StateCount {
  state: string;
  count: number;
}

const count = sql<number>`count(*)::int`;

/** How many devices, computes and migrations are in each state. */
export const countStates = {
  devices: (db: Database): Promise<StateCount[]> => {
    const shown = sql<string>`case when ${device.unreachableAt} is not null and ${device.state} not in ('discovered', 'pending') then 'unreachable' else ${device.state} end`;
    return db
      .select({ state: shown, count })
      .from(device)
      .where(ne(device.state, 'retired'))
      .groupBy(sql`1`);
  },
  computes: (db: Database): Promise<StateCount[]> =>
    db
      .select({ state: sql<string>`${compute.state}`, count })
      .from(compute)
      .where(isNull(compute.deletedAt))
      .groupBy(sql`1`),
  migrations: (db: Database): Promise<StateCount[]> =>
    db
      .select({ state: sql<string>`${migration.state}`, count })
      .from(migration)
      .groupBy(sql`1`),
};
