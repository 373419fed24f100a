import { eq, sql } from 'drizzle-orm';
import { getCompute } from '../../../db/computes.ts';
import type { Database } from '../../../db/database.ts';
import { placement } from '../../../db/schema/index.ts';

/** The compute's group is on another device now, under the next epoch: as a move leaves it. */
export async function advanceGroup(db: Database, computeId: string, deviceId: string): Promise<void> {
  const { groupId } = await getCompute(db, computeId);
  await db
    .update(placement)
    .set({ deviceId, epoch: sql`${placement.epoch} + 1` })
    .where(eq(placement.groupId, groupId));
}
