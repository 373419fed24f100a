import { and, eq, isNull, sql } from 'drizzle-orm';
import { type Cause, DrayageError } from '../core/cause.ts';
import type { ComputeSpec } from '../core/compute.ts';
import type { GivenUpdate, Limits, Observed } from '../core/observed.ts';
import type { Demand } from '../core/quota.ts';
import { type ComputeRecord, getCompute } from './computes.ts';
import type { Database } from './database.ts';
import { addEvent } from './events.ts';
import { claimQuota } from './quotas.ts';
import { compute, placement } from './schema/index.ts';

const now = () => new Date().toISOString();

/**
 * Records what a compute is to be, and claims what it takes of its tenant's quota. What the change was planned from
 * must still be so. @throws DrayageError unknownCompute, computeChanged, quotaExceeded
 */
export async function beginUpdate(
  db: Database,
  id: string,
  { given, spec, demand }: { given: GivenUpdate; spec: ComputeSpec; demand: Demand },
): Promise<void> {
  await db.transaction(async (tx) => {
    const { tenantId } = await getCompute(tx, id);
    // The tenant's row is held: one change of its computes at a time.
    await claimQuota(tx, tenantId, demand);
    const { spec: current } = await getCompute(tx, id);
    if (JSON.stringify(current) !== JSON.stringify(given.before)) throw new DrayageError(computeChanged);
    await tx
      .update(compute)
      .set({ spec, lastUpdate: { state: 'applying', causes: [], at: now(), given } })
      .where(eq(compute.id, id));
  });
}

const computeChanged: Cause = {
  code: 'computeChanged',
  message: 'The compute was changed by somebody else meanwhile.',
  mend: 'Look at it and try again.',
};

/** Computes whose change was recorded and has not ended, for longer than `seconds`. */
export async function unfinishedUpdates(
  db: Database,
  seconds: number,
): Promise<{ row: ComputeRecord; given: GivenUpdate }[]> {
  const at = sql`(${compute.lastUpdate} ->> 'at')::timestamptz`;
  const ids = await db
    .select({ id: compute.id })
    .from(compute)
    .where(
      and(
        sql`${compute.lastUpdate} ->> 'state' = 'applying'`,
        sql`${at} < now() - make_interval(secs => ${seconds})`,
        isNull(compute.deletedAt),
      ),
    );
  const rows = await Promise.all(ids.map(({ id }) => getCompute(db, id)));
  return rows.flatMap((row) => (row.lastUpdate?.given ? [{ row, given: row.lastUpdate.given }] : []));
}

/** Records that a compute is as it was asked for. */
export async function endUpdate(db: Database, id: string, message: string, actor?: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .update(compute)
      .set({ lastUpdate: { state: 'applied', causes: [], at: now() } })
      .where(and(eq(compute.id, id), isNull(compute.deletedAt)))
      .returning();
    if (row)
      await addEvent(tx, { type: 'compute.updated', subject: id, actor, message: `${row.name}: ${message}` });
  });
}

/** Records why a compute could not be changed: it stays what it was. */
export async function undoUpdate(db: Database, id: string, before: ComputeSpec, cause: Cause): Promise<void> {
  await db
    .update(compute)
    .set({ spec: before, lastUpdate: { state: 'refused', causes: [cause], at: now() } })
    .where(and(eq(compute.id, id), isNull(compute.deletedAt)));
}

/** Records what a device tells of the computes that are placed on it; only what has changed is written. */
export async function recordObserved(
  db: Database,
  deviceId: string,
  told: { id: string; running: boolean; limits?: Limits | null | undefined }[],
): Promise<void> {
  const seen = new Map(told.map((one) => [one.id, one]));
  const placed = await db
    .select({ id: compute.id, observed: compute.observed })
    .from(compute)
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .where(and(eq(placement.deviceId, deviceId), isNull(compute.deletedAt)));
  for (const row of placed) {
    const one = seen.get(row.id);
    const observed: Observed = {
      state: one === undefined ? 'absent' : one.running ? 'running' : 'stopped',
      limits: one?.limits ?? null,
    };
    if (isSame(row.observed, observed)) continue;
    await db.update(compute).set({ observed }).where(eq(compute.id, row.id));
  }
}

function isSame(one: Observed | null, other: Observed): boolean {
  const { state, limits } = one ?? {};
  return (
    state === other.state &&
    limits?.memoryBytes === other.limits?.memoryBytes &&
    limits?.cpus === other.limits?.cpus &&
    limits?.pids === other.limits?.pids
  );
}
