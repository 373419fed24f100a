import { and, eq, isNull, ne, or, sql } from 'drizzle-orm';
import type { CheckpointReport, Keeping } from '../core/checkpoint.ts';
import { DrayageError } from '../core/cause.ts';
import { bytesOfParts, type SnapshotContent } from '../core/snapshot.ts';
import type { Database } from './database.ts';
import { isProtected } from './leases.ts';
import { checkpoint, compute, device, placement } from './schema/index.ts';

type CheckpointRow = typeof checkpoint.$inferSelect;

/** A checkpoint that there is. */
export interface Kept {
  computeId: string;
  sealedKey: string;
  /** The device that has it, and the one that the next one goes to. */
  keptBy: string;
  peerId: string;
  epoch: number;
  number: number;
  content: SnapshotContent;
  takenAt: Date;
}

/** Computes that are to have checkpoints and whose next ones have nowhere to go: never had, or to a device that will not do. */
export async function unkeptComputes(
  db: Database,
): Promise<{ computeId: string; deviceId: string; peerId: string | null }[]> {
  const unfit = or(
    isNull(checkpoint.peerId),
    eq(checkpoint.peerId, placement.deviceId),
    eq(device.state, 'retired'),
    // Silent for so long that it is not just being serviced.
    sql`${device.unreachableAt} < now() - interval '60 seconds'`,
  );
  return db
    .select({ computeId: compute.id, deviceId: placement.deviceId, peerId: checkpoint.peerId })
    .from(compute)
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .leftJoin(checkpoint, eq(checkpoint.computeId, compute.id))
    .leftJoin(device, eq(device.id, checkpoint.peerId))
    .where(
      and(
        isNull(compute.deletedAt),
        eq(compute.state, 'running'),
        ...[eq(compute.recovers, false), isProtected],
        sql`${compute.spec} -> 'protection' ->> 'kind' = 'checkpoint'`,
        unfit,
      ),
    );
}

/** Has the next checkpoints of a compute go to another device; the last one stays where it is. */
export async function keepAt(
  db: Database,
  { computeId, peerId, sealedKey }: { computeId: string; peerId: string; sealedKey: string },
): Promise<void> {
  await db
    .insert(checkpoint)
    .values({ computeId, peerId, sealedKey })
    .onConflictDoUpdate({ target: checkpoint.computeId, set: { peerId } });
}

/** Where the checkpoints of the computes on a device go. */
export async function keepingsOf(
  db: Database,
  deviceId: string,
): Promise<Map<string, Omit<Keeping, 'key'> & { sealedKey: string }>> {
  const rows = await db
    .select({
      computeId: checkpoint.computeId,
      sealedKey: checkpoint.sealedKey,
      ...{ peerId: device.id, inventory: device.inventory },
      last: sql<number>`case when ${checkpoint.epoch} = ${placement.epoch} then ${checkpoint.number} else 0 end`,
    })
    .from(checkpoint)
    .innerJoin(compute, eq(compute.id, checkpoint.computeId))
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .innerJoin(device, eq(device.id, checkpoint.peerId))
    .where(
      and(
        ...[eq(placement.deviceId, deviceId), isNull(compute.deletedAt)],
        ne(checkpoint.peerId, placement.deviceId),
      ),
    );
  return new Map(
    rows.map(({ computeId, sealedKey, peerId, last, inventory: { linkAddress } }) => [
      computeId,
      { sealedKey, last, peer: { id: peerId, linkAddress } },
    ]),
  );
}

/**
 * Records a checkpoint that a device has taken of its own compute: only its owner's word counts, and only for the device that it
 * was told. One that is not newer than what is known changes nothing.
 * @throws DrayageError checkpointRefused
 */
export async function recordCheckpoint(
  db: Database,
  deviceId: string,
  { computeId, epoch, number, peer, content, agoMs }: CheckpointReport,
): Promise<void> {
  const kept = { keptBy: peer, epoch, number, content, frozenMs: content.frozenMs };
  const rows = await db
    .update(checkpoint)
    .set({
      ...kept,
      bytes: bytesOfParts(content.parts),
      takenAt: sql`now() - make_interval(secs => ${agoMs / 1000})`,
    })
    .where(
      and(
        eq(checkpoint.computeId, computeId),
        eq(checkpoint.peerId, peer),
        sql`coalesce((${checkpoint.epoch}, ${checkpoint.number}) < (${epoch}::int, ${number}::int), true)`,
        sql`exists (select 1 from ${placement} p join ${compute} c on c.group_id = p.group_id
          where c.id = ${computeId} and p.device_id = ${deviceId} and p.epoch = ${epoch} and c.deleted_at is null)`,
      ),
    )
    .returning({ id: checkpoint.computeId });
  if (rows.length === 0)
    throw new DrayageError({
      code: 'checkpointRefused',
      message: `Checkpoint ${String(number)} of ${computeId} is not this device's to take, or is none that is needed.`,
      mend: 'Nothing has to be done: the device asks again where checkpoints go.',
    });
}

/** The checkpoint of a compute; null when there is none. */
export async function findCheckpoint(db: Database, computeId: string): Promise<Kept | null> {
  const [row] = await db.select().from(checkpoint).where(eq(checkpoint.computeId, computeId));
  return row ? keptOf(row) : null;
}

function keptOf({
  computeId,
  sealedKey,
  keptBy,
  peerId,
  epoch,
  number,
  content,
  takenAt,
}: CheckpointRow): Kept | null {
  if (keptBy === null || epoch === null || number === null || content === null || takenAt === null)
    return null;
  return { computeId, sealedKey, keptBy, peerId, epoch, number, content, takenAt };
}

/** The checkpoint of a compute that is not deleted, with the device that owns the compute. */
async function findOwned(
  db: Database,
  computeId: string,
): Promise<{ row: CheckpointRow; owner: string; recovers: boolean } | null> {
  const [found] = await db
    .select({ row: checkpoint, owner: placement.deviceId, recovers: compute.recovers })
    .from(checkpoint)
    .innerJoin(compute, eq(compute.id, checkpoint.computeId))
    .innerJoin(placement, eq(placement.groupId, compute.groupId))
    .where(and(eq(checkpoint.computeId, computeId), isNull(compute.deletedAt)));
  return found ?? null;
}

/** The device whose checkpoints of a compute this device keeps, or has kept last; null when it has nothing to do with it. */
export async function keptFor(
  db: Database,
  peerId: string,
  computeId: string,
): Promise<{ from: string } | null> {
  const found = await findOwned(db, computeId);
  return found && [found.row.peerId, found.row.keptBy].includes(peerId) ? { from: found.owner } : null;
}

/** The checkpoint that a compute of this device is to go on from. @throws DrayageError checkpointRefused */
export async function checkpointToRestore(db: Database, deviceId: string, computeId: string): Promise<Kept> {
  const found = await findOwned(db, computeId);
  const kept = found && keptOf(found.row);
  if (kept?.keptBy === deviceId && found?.owner === deviceId && found.recovers) return kept;
  throw new DrayageError({
    code: 'checkpointRefused',
    message: `Compute ${computeId} is not to go on from a checkpoint on this device.`,
    mend: 'Look at `drayage compute show` for where it is.',
  });
}
