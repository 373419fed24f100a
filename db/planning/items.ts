import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../database.ts';
import type { EvacuationRow } from '../evacuations.ts';
import { evacuationItem, placement } from '../schema/index.ts';

/** A group that an evacuation is to move. */
export interface NewItem {
  groupId: string;
  name: string;
  sourceId: string;
  /** Only there. */
  onlyId: string;
  reason?: string;
}

/** Adds items that wait, in this order. */
export async function addItems(tx: Database, evacuationId: string, items: readonly NewItem[]): Promise<void> {
  if (items.length === 0) return;
  await tx
    .insert(evacuationItem)
    .values(items.map((item, position) => ({ ...item, evacuationId, position, state: 'waiting' as const })));
}

/** What an evacuation has moved and is not on its device now, with where it is. */
export async function movedAway(
  tx: Database,
  { id, deviceId }: EvacuationRow,
): Promise<{ groupId: string; name: string; sourceId: string }[]> {
  return tx
    .select({ groupId: evacuationItem.groupId, name: evacuationItem.name, sourceId: placement.deviceId })
    .from(evacuationItem)
    .innerJoin(placement, eq(placement.groupId, evacuationItem.groupId))
    .where(
      and(
        eq(evacuationItem.evacuationId, id),
        eq(evacuationItem.state, 'moved'),
        sql`${placement.deviceId} <> ${deviceId}`,
      ),
    )
    .orderBy(evacuationItem.position);
}
