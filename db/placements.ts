import { eq } from 'drizzle-orm';
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
