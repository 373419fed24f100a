import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Cause } from '../core/cause.ts';
import { type ComputeRecord, setComputeState } from './computes.ts';
import type { Database } from './database.ts';
import { addEvent } from './events.ts';
import { compute, placement } from './schema/index.ts';

export interface NewOwner {
  group: string;
  /** Id of the device that was lost, and the epoch under which it owned the group. */
  from: { id: string; name: string; epoch: number };
  to: { id: string; name: string };
}

/**
 * Gives a group to another device under the next epoch, and has its computes made there, all or nothing. Whoever calls holds
 * the lease of the device that was lost, and knows that it is dead. Compare-and-set: false when it owns the group no more, or a
 * transfer is open.
 */
export async function failOver(
  tx: Database,
  { group, from, to }: NewOwner,
  computes: readonly Pick<ComputeRecord, 'id' | 'name'>[],
): Promise<boolean> {
  const epoch = from.epoch + 1;
  const given = await tx
    .update(placement)
    .set({ deviceId: to.id, epoch, changedAt: sql`now()` })
    .where(
      and(
        eq(placement.groupId, group),
        eq(placement.deviceId, from.id),
        eq(placement.epoch, from.epoch),
        isNull(placement.transferId),
      ),
    )
    .returning();
  if (given.length === 0) return false;
  for (const { id, name } of computes) {
    const reason = `${name} is started afresh on ${to.name}, for ${from.name} is lost.`;
    await setComputeState(tx, id, 'creating', { reason });
    await tx.update(compute).set({ createRunId: null, observed: null }).where(eq(compute.id, id));
    await addEvent(tx, {
      type: 'compute.failedOver',
      subject: id,
      message: `${name} is ${to.name}'s now, under epoch ${String(epoch)}: ${from.name} is lost, and with it what ${name} had in memory and in its files, and its connections.`,
      data: { from: from.id, to: to.id, epoch },
    });
  }
  return true;
}

/** Nowhere is room for what was lost: it says so, and is tried again as long as its device is dead. */
export async function noteLost(
  tx: Database,
  computes: readonly Pick<ComputeRecord, 'id' | 'reason'>[],
  reason: string,
  causes: Cause[],
): Promise<void> {
  for (const { id, reason: before } of computes)
    if (before !== reason) await setComputeState(tx, id, 'lost', { reason, causes });
}
