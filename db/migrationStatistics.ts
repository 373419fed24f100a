import { sql } from 'drizzle-orm';
import type { MigrationStatistics } from '../core/api/migrations.ts';
import type { MigrationState } from '../core/migration.ts';
import { type Database, only } from './database.ts';
import { compute, migration } from './schema/index.ts';

/** How the moves of the last so many seconds went: a tenant's, or (null) all tenants'. Trials are left out. */
export async function migrationStatistics(
  db: Database,
  tenantId: string | null,
  seconds: number,
): Promise<MigrationStatistics> {
  const chosen = sql`from ${migration} join ${compute} on ${compute.id} = ${migration.computeId}
    where ${migration.createdAt} > now() - make_interval(secs => ${seconds}) and not ${migration.dryRun}
    and ${tenantId === null ? sql`true` : sql`${compute.tenantId} = ${tenantId}`}`;
  const states = await db.execute<{ state: MigrationState; count: number }>(
    sql`select ${migration.state} as state, count(*)::int as count ${chosen} group by 1 order by 1`,
  );
  const figures = only(
    await db.execute<{
      p50: number | null;
      p99: number | null;
      max: number | null;
      total: number | null;
      bytes: number;
    }>(
      sql`select percentile_cont(0.5) within group (order by ${migration.frozenMs}) as p50,
        percentile_cont(0.99) within group (order by ${migration.frozenMs}) as p99,
        max(${migration.frozenMs}) as max,
        percentile_cont(0.5) within group (order by ${migration.totalMs}) as total,
        coalesce(sum(${migration.wireBytes}), 0)::float8 as bytes
        ${chosen} and ${migration.state} = 'succeeded'`,
    ),
  );
  return {
    seconds,
    states: Object.fromEntries(states.map(({ state, count }) => [state, count])),
    frozenMs: { p50: figures.p50, p99: figures.p99, max: figures.max },
    totalMs: { p50: figures.total },
    wireBytes: figures.bytes,
  };
}
