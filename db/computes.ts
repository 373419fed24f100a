import { and, asc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import { type Cause, DrayageError, RefusedError } from '../core/cause.ts';
import type { ComputeSpec, ComputeState } from '../core/compute.ts';
import type { Health } from '../core/healthCheck.ts';
import { type AddressRange, ipToNumber } from '../core/ipv4.ts';
import type { PublishedPort } from '../core/publishedPorts.ts';
import type { Scope } from '../core/tenancy.ts';
import { keepAddress, nextAddress, releaseAddress } from './addresses.ts';
import { type Database, isViolation, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { foundGroup, joinGroup, leaveGroup, lockGroupOf } from './groups.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { publishPorts, releasePorts } from './ports.ts';
import { claimQuota } from './quotas.ts';
import {
  checkpoint,
  compute,
  computeGroup,
  device,
  image,
  imageBlob,
  placement,
  port,
  tenant,
} from './schema/index.ts';
import { inScope } from './tenants.ts';
import { addVolumes, forgetVolumes } from './volumes.ts';

export type ComputeRow = typeof compute.$inferSelect;

/** A compute with what the API shows of its surroundings. `placement` is null only after its deletion. */
export interface ComputeRecord extends ComputeRow {
  /** Of the group that it was made in; null when it moves alone. */
  groupName: string | null;
  tenantName: string;
  /** Names of the group's others that do not run. */
  idleOthers: string[];
  imageName: string | null;
  /** By protocol and host port. */
  ports: PublishedPort[];
  placement: {
    deviceId: string;
    deviceName: string;
    /** Of the device. */
    classId: string | null;
    epoch: number;
    transferId: string | null;
    /** When its device was heard last. */
    heardAt: Date | null;
  } | null;
  imageBytes: number;
  checkpoint: LastCheckpoint | null;
}

interface LastCheckpoint {
  device: { id: string; name: string };
  /** As PostgreSQL writes it. */
  takenAt: string;
  bytes: number;
  frozenMs: number;
}

const selection = {
  compute,
  imageName: image.name,
  groupName: computeGroup.name,
  tenantName: tenant.name,
  idleOthers: sql<string[]>`(select coalesce(json_agg(o.name order by o.seq), '[]') from ${compute} o
    where o.group_id = ${compute.groupId} and o.id <> ${compute.id} and o.state <> 'running' and o.deleted_at is null)`,
  ports: sql<PublishedPort[]>`(select coalesce(
    json_agg(json_build_object('protocol', p.protocol, 'host', p.host, 'compute', p.port) order by p.protocol, p.host), '[]'
    ) from ${port} p where p.compute_id = ${compute.id})`,
  checkpoint: sql<LastCheckpoint | null>`(select json_build_object('device', json_build_object('id', d.id, 'name', d.name),
    'takenAt', k.taken_at, 'bytes', k.bytes, 'frozenMs', k.frozen_ms)
    from ${checkpoint} k join ${device} d on d.id = k.kept_by where k.compute_id = ${compute.id})`,
  imageBytes: imageBlob.bytes,
  placement: {
    deviceId: placement.deviceId,
    deviceName: device.name,
    classId: device.classId,
    epoch: placement.epoch,
    transferId: placement.transferId,
    heardAt: device.lastHeartbeatAt,
  },
};

function records(db: Database) {
  return db
    .select(selection)
    .from(compute)
    .innerJoin(tenant, eq(tenant.id, compute.tenantId))
    .innerJoin(computeGroup, eq(computeGroup.id, compute.groupId))
    .leftJoin(image, eq(image.id, compute.imageId))
    .leftJoin(imageBlob, eq(imageBlob.digest, image.digest))
    .leftJoin(placement, eq(placement.groupId, compute.groupId))
    .leftJoin(device, eq(device.id, placement.deviceId));
}

type Selected = Awaited<ReturnType<typeof records>>[number];

function record({ compute: row, imageBytes, placement: at, ...rest }: Selected): ComputeRecord {
  const { deviceId, deviceName, classId, epoch, transferId, heardAt } = at;
  const placed = deviceId !== null && deviceName !== null && epoch !== null;
  return {
    ...row,
    ...rest,
    imageBytes: imageBytes ?? 0,
    placement: placed ? { deviceId, deviceName, classId, epoch, transferId, heardAt } : null,
  };
}

/** The snapshot that a compute is made of. */
export interface Restored {
  /** Its id and its name. */
  snapshot: string;
  name: string;
  /** Address of the compute that it is of: kept if nobody else has it. */
  ip: string;
  /** Why it cannot be restored under an address; empty when it can. */
  against: (ip: string) => Cause[];
}

/**
 * Makes a compute with its address and its placement, all or nothing: in a group that there is, or with one of its own
 * (epoch 1).
 * One that is restored is not meant to run before it was. @throws DrayageError nameTaken, noAddress, portTaken, tooManyPorts,
 * quotaExceeded, quotaNeedsLimit, boundToAddress, and what joinGroup does
 */
export async function createCompute(
  db: Database,
  values: {
    tenantId: string;
    spec: Omit<ComputeSpec, 'address'>;
    deviceId: string;
    range: AddressRange;
    ports?: readonly PublishedPort[];
    /** Whether the spec's group is one that there is. */
    joins?: boolean;
    /** What it is restored from. */
    restores?: Restored;
    actor?: string;
  },
): Promise<ComputeRecord> {
  const { id, group, name } = values.spec;
  const { tenantId, deviceId, restores } = values;
  try {
    return await db.transaction(async (tx) => {
      const { memoryBytes, cpus } = values.spec;
      await claimQuota(tx, tenantId, { computes: 1, memoryBytes, cpus });
      const address = await nextAddress(tx, values.range, restores && ipToNumber(restores.ip));
      const [against, ...others] = restores?.against(address.ip) ?? [];
      if (against) throw new RefusedError([against, ...others]);
      const spec: ComputeSpec = { ...values.spec, address };
      if (values.joins === true) await joinGroup(tx, { tenantId, group, deviceId });
      else await foundGroup(tx, group, deviceId);
      await tx.insert(compute).values({
        id,
        groupId: group,
        tenantId,
        name,
        imageId: spec.image.id,
        spec,
        state: 'creating',
        desired: restores ? 'stopped' : 'running',
        restoreOf: restores?.snapshot,
      });
      await keepAddress(tx, id, address, ipToNumber(address.ip));
      await addVolumes(tx, id, spec.volumes);
      await publishPorts(tx, tenantId, id, values.ports ?? []);
      await addEvent(tx, {
        type: 'compute.creating',
        subject: id,
        actor: values.actor,
        message: restores
          ? `${name} is being restored from the snapshot ${restores.name}.`
          : `${name} is being made.`,
      });
      return getCompute(tx, id);
    });
  } catch (error) {
    if (!isViolation(error, '23505', 'compute_name')) throw error;
    throw new DrayageError({
      code: 'nameTaken',
      message: `Another compute is called ${name}.`,
      mend: 'Choose another name, or delete the other compute first with `drayage compute rm`.',
    });
  }
}

/** By id, whosever it is; deleted computes are not found. */
export async function findCompute(db: Database, id: string): Promise<ComputeRecord | null> {
  const [row] = await records(db).where(and(eq(compute.id, id), isNull(compute.deletedAt)));
  return row ? record(row) : null;
}

/** By id, whosever it is. @throws DrayageError unknownCompute */
export async function getCompute(db: Database, id: string): Promise<ComputeRecord> {
  const row = await findCompute(db, id);
  if (!row) throw unknown('compute', id);
  return row;
}

/** By id or name, of what the scope shows. @throws DrayageError unknownCompute, also for another tenant's */
export async function computeInScope(db: Database, scope: Scope, idOrName: string): Promise<ComputeRecord> {
  const byId = idOrName.startsWith('cmp_');
  const [row] = await records(db).where(
    and(
      eq(byId ? compute.id : compute.name, idOrName),
      inScope(compute.tenantId, scope, byId),
      isNull(compute.deletedAt),
    ),
  );
  if (!row) throw unknown('compute', idOrName);
  return record(row);
}

/** Computes that have all of the labels, in the order in which they were made: a tenant's, or (null) all tenants'. */
export async function listComputes(
  db: Database,
  tenantId: string | null,
  page: PageRequest & { labels?: Record<string, string> | undefined; deviceId?: string | undefined },
): Promise<Page<ComputeRecord>> {
  const after = cursorSequence(page.cursor);
  const rows = await records(db)
    .where(
      and(
        tenantId === null ? undefined : eq(compute.tenantId, tenantId),
        page.deviceId === undefined ? undefined : eq(placement.deviceId, page.deviceId),
        isNull(compute.deletedAt),
        page.labels && sql`${compute.spec} -> 'labels' @> ${JSON.stringify(page.labels)}::jsonb`,
        after === null ? undefined : gt(compute.seq, after),
      ),
    )
    .orderBy(asc(compute.seq))
    .limit(page.limit + 1);
  return toPage(rows.map(record), page.limit);
}

/** The computes of a group, in the order in which they were made. */
export async function computesOfGroup(db: Database, group: string): Promise<ComputeRecord[]> {
  const rows = await records(db)
    .where(and(eq(compute.groupId, group), isNull(compute.deletedAt)))
    .orderBy(asc(compute.seq));
  return rows.map(record);
}

/** All computes placed on a device. */
export async function computesOnDevice(db: Database, deviceId: string): Promise<ComputeRecord[]> {
  const rows = await records(db)
    .where(and(eq(placement.deviceId, deviceId), isNull(compute.deletedAt)))
    .orderBy(asc(compute.seq));
  return rows.map(record);
}

export interface StateChange {
  /** Change only from one of these; without it, from any. */
  from?: ComputeState[];
  /** One sentence: why. Empty when there is nothing to say. */
  reason?: string;
  causes?: Cause[];
}

/** Records a compute's state; tells whether it changed (not if it was in none of `from`, or is deleted). */
export async function setComputeState(
  db: Database,
  id: string,
  state: ComputeState,
  change: StateChange = {},
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [before] = await tx
      .select()
      .from(compute)
      .where(and(eq(compute.id, id), isNull(compute.deletedAt)))
      .for('update');
    if (!before || (change.from && !change.from.includes(before.state))) return false;
    const { reason = '', causes = [] } = change;
    const runs = state === 'running' || state === 'migrating';
    await tx
      .update(compute)
      .set({ state, reason, causes, ...(runs ? {} : { health: null }) })
      .where(eq(compute.id, id));
    if (before.state !== state) {
      const message = reason === '' ? `${before.name} is ${state}.` : reason;
      await addEvent(tx, { type: `compute.${state}`, subject: id, message });
    }
    return true;
  });
}

/** Records that a compute was restored: it runs, is meant to, and needs its snapshot, or its checkpoint, no more. */
export async function setRestored(db: Database, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx
      .update(compute)
      .set({ restoreOf: null, recovers: false, desired: 'running' })
      .where(eq(compute.id, id));
    await setComputeState(tx, id, 'running');
  });
}

/** Records what its owner wants of a compute. */
export async function setDesired(db: Database, id: string, desired: 'running' | 'stopped'): Promise<void> {
  await db
    .update(compute)
    .set({ desired })
    .where(and(eq(compute.id, id), isNull(compute.deletedAt)));
}

/** Records that the compute's workflow was started. */
export async function setCreateRun(db: Database, id: string, runId: string): Promise<void> {
  await db.update(compute).set({ createRunId: runId }).where(eq(compute.id, id));
}

/** Computes whose making was recorded and never started, for longer than `seconds`. */
export async function unstartedComputes(db: Database, seconds: number): Promise<ComputeRecord[]> {
  const old = sql`${compute.createdAt} < now() - make_interval(secs => ${seconds})`;
  const rows = await records(db).where(
    and(isNull(compute.createRunId), eq(compute.state, 'creating'), isNull(compute.deletedAt), old),
  );
  return rows.map(record);
}

export interface Exit {
  exitCode: number;
  /** The device starts it again, by the restart policy. */
  restarting: boolean;
  restarts: number;
  /** RFC 3339, by the device's clock; @default now */
  at?: string | undefined;
  /** The kernel ended it for want of memory. */
  oom: boolean;
}

/**
 * Records that a compute ended by itself. Only its owner's word counts; anything else (a device it has left meanwhile)
 * is ignored and answered false.
 */
export async function recordExit(
  db: Database,
  deviceId: string,
  computeId: string,
  exit: Exit,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const row = await findCompute(tx, computeId);
    if (!row || row.placement?.deviceId !== deviceId) return false;
    const { exitCode, restarting, restarts, oom, at = new Date().toISOString() } = exit;
    const lastExit = { code: exitCode, at, oom };
    await tx
      .update(compute)
      .set({ exitCode, lastExit, restarts, health: null })
      .where(eq(compute.id, computeId));
    const why = oom ? ', for it took more memory than its limit' : '';
    const reason = `It ended by itself with exit code ${String(exitCode)}${why}.`;
    if (restarting) {
      await addEvent(tx, {
        type: 'compute.restarting',
        subject: computeId,
        message: `${reason} It is started again.`,
      });
      return true;
    }
    await setComputeState(tx, computeId, 'stopped', { from: ['running', 'migrating'], reason });
    await setDesired(tx, computeId, 'stopped');
    return true;
  });
}

/** Records what a compute's check says. Only its owner's word counts, and only while it runs. */
export async function recordHealth(
  db: Database,
  deviceId: string,
  computeId: string,
  health: Health,
): Promise<void> {
  await db.transaction(async (tx) => {
    const row = await findCompute(tx, computeId);
    if (row?.placement?.deviceId !== deviceId || !['running', 'migrating'].includes(row.state)) return;
    await tx
      .update(compute)
      .set({ health: { ...health, at: new Date().toISOString() } })
      .where(eq(compute.id, computeId));
    const { state, reason } = health;
    if (state === 'starting' || state === row.health?.state) return;
    await addEvent(tx, {
      type: `compute.${state}`,
      subject: computeId,
      message: `${row.name} is ${state}: ${reason}`,
    });
  });
}

/**
 * Takes over from a heartbeat that a compute runs though it was recorded as stopped or lost (its owner, the right epoch,
 * and it is meant to run): the report of its restart did not arrive.
 */
export async function reconcileRunning(
  db: Database,
  deviceId: string,
  seen: { id: string; epoch: number; running: boolean }[],
): Promise<void> {
  const running = seen.filter((one) => one.running);
  if (running.length === 0) return;
  const wrong = await db
    .select({ id: compute.id, epoch: placement.epoch })
    .from(compute)
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .where(
      and(
        inArray(
          compute.id,
          running.map(({ id }) => id),
        ),
        inArray(compute.state, ['stopped', 'lost']),
        eq(compute.desired, 'running'),
        eq(placement.deviceId, deviceId),
      ),
    );
  for (const row of wrong) {
    const { epoch } = running.find(({ id }) => id === row.id) ?? {};
    if (row.epoch === epoch) await setComputeState(db, row.id, 'running', { from: ['stopped', 'lost'] });
  }
}

/** Deletes a compute for good: its name, address, ports and placement are free again, its record stays for its migrations. */
export async function removeCompute(db: Database, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await lockGroupOf(tx, id);
    const [row] = await tx
      .update(compute)
      .set({ deletedAt: sql`now()`, imageId: null, restoreOf: null, recovers: false, desired: 'stopped' })
      .where(and(eq(compute.id, id), isNull(compute.deletedAt)))
      .returning();
    if (!row) return;
    await tx.delete(checkpoint).where(eq(checkpoint.computeId, id));
    await releaseAddress(tx, id);
    await releasePorts(tx, id);
    await forgetVolumes(tx, id);
    await leaveGroup(tx, row.groupId);
    await addEvent(tx, { type: 'compute.deleted', subject: id, message: `${row.name} was deleted.` });
  });
}
