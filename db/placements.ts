import { and, eq, isNull, lt, sql } from 'drizzle-orm';
import { type Database, unknown } from './database.ts';
import { placement } from './schema/index.ts';
import { closeTransfer } from './transfers.ts';

export type PlacementRow = typeof placement.$inferSelect;

/** Who owns a group. @throws DrayageError unknownGroup */
export async function getPlacement(db: Database, group: string): Promise<PlacementRow> {
  const [row] = await db.select().from(placement).where(eq(placement.groupId, group));
  if (!row) throw unknown('group', group);
  return row;
}

/**
 * Records that a transfer's target owns the group: device and epoch are the transfer's, no transfer is open.
 * Compare-and-set and idempotent; it also closes the transfer.
 * @throws DrayageError unknownTransfer, transferContradiction (the transfer was given back to the source)
 */
export async function advancePlacement(db: Database, transferId: string): Promise<void> {
  await closeTransfer(db, transferId, 'owner');
}

/** Whom a group belongs to, or is going to. */
export interface Owner {
  deviceId: string;
  epoch: number;
}

/**
 * Compare-and-set of a group's owner, with no transfer open: false when it is another than `was`, and nothing is changed then.
 * `below`: it may be the owner under any epoch that is lower than this one.
 */
export async function changeOwner(
  db: Database,
  group: string,
  was: Owner | { deviceId: string; below: number },
  becomes: Owner,
): Promise<boolean> {
  const changed = await db
    .update(placement)
    .set({ ...becomes, changedAt: sql`now()` })
    .where(
      and(
        eq(placement.groupId, group),
        eq(placement.deviceId, was.deviceId),
        'below' in was ? lt(placement.epoch, was.below) : eq(placement.epoch, was.epoch),
        isNull(placement.transferId),
      ),
    )
    .returning({ group: placement.groupId });
  return changed.length > 0;
}
