import { and, desc, eq, exists, getTableColumns, inArray, lt, or, sql } from 'drizzle-orm';
import { type Cause, DrayageError } from '../core/cause.ts';
import { bytesOfParts, type SnapshotContent } from '../core/snapshot.ts';
import type { Scope } from '../core/tenancy.ts';
import { type Database, isViolation, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { claimQuota } from './quotas.ts';
import { compute, device, image, placement, snapshot } from './schema/index.ts';
import { inScope } from './tenants.ts';

type SnapshotRow = typeof snapshot.$inferSelect;

/** A snapshot with the names of what belongs to it. */
export interface SnapshotRecord extends SnapshotRow {
  deviceName: string | null;
  imageName: string | null;
}

/** How long the record of one that failed is kept. */
const KEPT_DAYS = 30;

function records(db: Database) {
  return db
    .select({ ...getTableColumns(snapshot), deviceName: device.name, imageName: image.name })
    .from(snapshot)
    .leftJoin(device, eq(device.id, snapshot.deviceId))
    .leftJoin(image, eq(image.id, snapshot.imageId));
}

type NewSnapshot = Pick<
  SnapshotRow,
  'id' | 'tenantId' | 'name' | 'note' | 'computeId' | 'computeName' | 'imageId' | 'spec' | 'class' | 'actor'
>;

/** Records a snapshot that is about to be made on a device. @throws DrayageError nameTaken */
export async function createSnapshot(
  db: Database,
  values: NewSnapshot & { deviceId: string; workflowId: string },
): Promise<SnapshotRecord> {
  const { id, tenantId, actor, name, computeName } = values;
  return named(name, () =>
    db.transaction(async (tx) => {
      await tx.insert(snapshot).values({ ...values, state: 'creating' });
      const message = `The snapshot ${name} of ${computeName} is being made.`;
      await addEvent(tx, { type: 'snapshot.creating', subject: id, tenantId, actor, message });
      return getSnapshot(tx, id);
    }),
  );
}

/**
 * Records a snapshot that has come from an archive. `keep` puts its parts in their place, inside the transaction.
 * @throws DrayageError nameTaken, quotaExceeded
 */
export async function importSnapshot(
  db: Database,
  values: NewSnapshot & { content: SnapshotContent; takenAt: Date },
  keep: () => Promise<void>,
): Promise<SnapshotRecord> {
  const { id, tenantId, actor, name, content } = values;
  const bytes = bytesOfParts(content.parts);
  return named(name, () =>
    db.transaction(async (tx) => {
      await claimQuota(tx, tenantId, { imageBytes: bytes });
      await tx
        .insert(snapshot)
        .values({ ...values, bytes, state: 'ready', imported: true, endedAt: sql`now()` });
      const message = `The snapshot ${name} was imported.`;
      await addEvent(tx, { type: 'snapshot.imported', subject: id, tenantId, actor, message });
      await keep();
      return getSnapshot(tx, id);
    }),
  );
}

async function named<T>(name: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!isViolation(error, '23505', 'snapshot_name')) throw error;
    throw new DrayageError({
      code: 'nameTaken',
      message: `Another snapshot is called ${name}.`,
      mend: 'Choose another name, or delete the other one first with `drayage compute snapshot rm`.',
    });
  }
}

/** By id, whosever it is. @throws DrayageError unknownSnapshot */
async function getSnapshot(db: Database, id: string): Promise<SnapshotRecord> {
  const [row] = await records(db).where(eq(snapshot.id, id));
  if (!row) throw unknownSnapshot(id);
  return row;
}

/** By id or name, of what the scope shows; of several of a name the newest. @throws DrayageError unknownSnapshot, also for another tenant's */
export async function snapshotInScope(db: Database, scope: Scope, idOrName: string): Promise<SnapshotRecord> {
  const byId = idOrName.startsWith('snp_');
  const [row] = await records(db)
    .where(and(eq(byId ? snapshot.id : snapshot.name, idOrName), inScope(snapshot.tenantId, scope, byId)))
    .orderBy(desc(snapshot.seq))
    .limit(1);
  if (!row) throw unknownSnapshot(idOrName);
  return row;
}

function unknownSnapshot(id: string): DrayageError {
  const { cause_ } = unknown('snapshot', id);
  return new DrayageError({ ...cause_, mend: 'List what there is with `drayage compute snapshot ls`.' });
}

/** A tenant's snapshots, newest first; of one compute, by its id or name, or of all. */
export async function listSnapshots(
  db: Database,
  tenantId: string,
  page: PageRequest & { compute?: string | undefined },
): Promise<Page<SnapshotRecord>> {
  const before = cursorSequence(page.cursor);
  const { compute: of } = page;
  const rows = await records(db)
    .where(
      and(
        eq(snapshot.tenantId, tenantId),
        of === undefined
          ? undefined
          : eq(of.startsWith('cmp_') ? snapshot.computeId : snapshot.computeName, of),
        before === null ? undefined : lt(snapshot.seq, before),
      ),
    )
    .orderBy(desc(snapshot.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** A snapshot that this device is making. @throws DrayageError unknownSnapshot, also when it is another's, or ended */
export async function snapshotOnDevice(db: Database, deviceId: string, id: string): Promise<SnapshotRecord> {
  const [row] = await records(db).where(
    and(eq(snapshot.id, id), eq(snapshot.deviceId, deviceId), eq(snapshot.state, 'creating')),
  );
  if (!row) throw unknownSnapshot(id);
  return row;
}

/** A snapshot that a compute of this device is being restored from. @throws DrayageError unknownSnapshot */
export async function snapshotToRestore(db: Database, deviceId: string, id: string): Promise<SnapshotRecord> {
  const wanted = db
    .select()
    .from(compute)
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .where(and(eq(compute.restoreOf, snapshot.id), eq(placement.deviceId, deviceId)));
  const [row] = await records(db).where(
    and(eq(snapshot.id, id), eq(snapshot.state, 'ready'), exists(wanted)),
  );
  if (!row) throw unknownSnapshot(id);
  return row;
}

export async function setSnapshotRun(db: Database, id: string, runId: string): Promise<void> {
  await db.update(snapshot).set({ runId }).where(eq(snapshot.id, id));
}

/** Holds a snapshot that is being made, to the end of the transaction. @throws DrayageError snapshotEnded */
async function lockOpen(tx: Database, id: string): Promise<SnapshotRow> {
  const [row] = await tx.select().from(snapshot).where(eq(snapshot.id, id)).for('update');
  if (row?.state === 'creating') return row;
  throw new DrayageError({
    code: 'snapshotEnded',
    message: `The snapshot ${row?.name ?? id} is not being made any more.`,
    mend: 'Make another one.',
  });
}

/** Claims of the tenant's quota what a snapshot is expected to take, bytes. Twice is as once. @throws DrayageError snapshotEnded, quotaExceeded */
export async function reserveSnapshot(db: Database, id: string, bytes: number): Promise<void> {
  await db.transaction(async (tx) => {
    const row = await lockOpen(tx, id);
    await claimMore(tx, row, bytes);
    await tx.update(snapshot).set({ bytes }).where(eq(snapshot.id, id));
  });
}

/** What is given back is never refused. */
async function claimMore(tx: Database, row: SnapshotRow, bytes: number): Promise<void> {
  if (bytes > row.bytes) await claimQuota(tx, row.tenantId, { imageBytes: bytes - row.bytes });
}

/** A snapshot is complete. Twice is as once. @throws DrayageError snapshotEnded, quotaExceeded */
export async function finishSnapshot(db: Database, id: string, content: SnapshotContent): Promise<void> {
  await db.transaction(async (tx) => {
    if ((await getSnapshot(tx, id)).state === 'ready') return;
    const row = await lockOpen(tx, id);
    const bytes = bytesOfParts(content.parts);
    await claimMore(tx, row, bytes);
    await tx
      .update(snapshot)
      .set({ state: 'ready', content, bytes, takenAt: sql`now()`, endedAt: sql`now()` })
      .where(eq(snapshot.id, id));
    const message = `The snapshot ${row.name} of ${row.computeName} is ready.`;
    const { frozenMs } = content;
    await addEvent(tx, {
      ...{ type: 'snapshot.ready', subject: id, tenantId: row.tenantId, message },
      data: { compute: row.computeId, bytes, frozenMs },
    });
  });
}

/** A snapshot could not be made; one that has ended stays as it is. */
export async function failSnapshot(db: Database, id: string, cause: Cause): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .update(snapshot)
      .set({ state: 'failed', reason: cause.message, causes: [cause], bytes: 0, endedAt: sql`now()` })
      .where(and(eq(snapshot.id, id), eq(snapshot.state, 'creating')))
      .returning();
    if (!row) return;
    const { tenantId } = row;
    await addEvent(tx, { type: 'snapshot.failed', subject: id, tenantId, message: cause.message });
  });
}

/** Forgets a snapshot that was never begun. */
export async function dropSnapshot(db: Database, id: string): Promise<void> {
  await db.delete(snapshot).where(and(eq(snapshot.id, id), eq(snapshot.state, 'creating')));
}

/**
 * Removes a snapshot; `discard` deletes its parts.
 * @throws DrayageError unknownSnapshot, snapshotBusy, snapshotInUse
 */
export async function removeSnapshot(
  db: Database,
  id: string,
  actor: string,
  discard: () => Promise<void>,
): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      const { name, tenantId } = await getSnapshot(tx, id);
      const gone = await tx
        .delete(snapshot)
        .where(and(eq(snapshot.id, id), or(eq(snapshot.state, 'ready'), eq(snapshot.state, 'failed'))))
        .returning({ id: snapshot.id });
      if (gone.length === 0) throw busy(name);
      const message = `The snapshot ${name} was deleted.`;
      await addEvent(tx, { type: 'snapshot.deleted', subject: id, tenantId, actor, message });
      await discard();
    });
  } catch (error) {
    if (!isViolation(error, '23503')) throw error;
    throw await inUse(db, id);
  }
}

function busy(name: string): DrayageError {
  return new DrayageError({
    code: 'snapshotBusy',
    message: `The snapshot ${name} is being made.`,
    mend: 'Wait until it has ended; `drayage compute snapshot ls` shows it.',
  });
}

async function inUse(db: Database, id: string): Promise<DrayageError> {
  const rows = await db.select({ name: compute.name }).from(compute).where(eq(compute.restoreOf, id));
  return new DrayageError({
    code: 'snapshotInUse',
    message: `It still has to be restored to ${rows.map(({ name }) => name).join(', ')}.`,
    mend: 'Wait until that runs, or delete it first with `drayage compute rm`.',
  });
}

/** Snapshots that are being made, and are older than so many seconds. */
export async function openSnapshots(db: Database, olderThanSeconds: number): Promise<SnapshotRecord[]> {
  const old = sql`${snapshot.createdAt} < now() - make_interval(secs => ${olderThanSeconds})`;
  return records(db).where(and(eq(snapshot.state, 'creating'), old));
}

/** Snapshots that failed within the last minute. */
export async function justFailed(db: Database): Promise<string[]> {
  const recent = sql`${snapshot.endedAt} > now() - interval '1 minute'`;
  const rows = await db
    .select({ id: snapshot.id })
    .from(snapshot)
    .where(and(eq(snapshot.state, 'failed'), recent));
  return rows.map(({ id }) => id);
}

/** Of these ids, those whose parts are needed (`kept`), and those of snapshots that failed. */
export async function snapshotsOf(
  db: Database,
  ids: string[],
): Promise<{ kept: Set<string>; failed: Set<string> }> {
  const rows = await db
    .select({ id: snapshot.id, state: snapshot.state })
    .from(snapshot)
    .where(inArray(snapshot.id, ids));
  const of = (failed: boolean) =>
    new Set(rows.filter(({ state }) => (state === 'failed') === failed).map(({ id }) => id));
  return { kept: of(false), failed: of(true) };
}

export async function removeOldSnapshots(db: Database): Promise<void> {
  await db
    .delete(snapshot)
    .where(
      and(
        eq(snapshot.state, 'failed'),
        lt(snapshot.endedAt, sql`now() - make_interval(days => ${KEPT_DAYS})`),
      ),
    );
}
