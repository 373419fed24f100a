import { eq } from 'drizzle-orm';
import type { Cause } from '../core/cause.ts';
import { type ComputeRecord, setComputeState } from './computes.ts';
import type { Database } from './database.ts';
import { addEvent } from './events.ts';
import { changeOwner } from './placements.ts';
import { compute } from './schema/index.ts';

export interface NewOwner {
  group: string;
  /** Id of the device that was lost, and the epoch under which it owned the group. */
  from: { id: string; name: string; epoch: number };
  to: { id: string; name: string };
  /** Since its last checkpoint, from which it goes on, seconds; null: it is started afresh. */
  lostSeconds: number | null;
}

/**
 * Gives a group to another device under the next epoch, and has its computes made there, all or nothing. Whoever calls holds
 * the lease of the device that was lost, and knows that it is dead. Compare-and-set: false when it owns the group no more, or a
 * transfer is open.
 */
export async function failOver(
  tx: Database,
  { group, from, to, lostSeconds }: NewOwner,
  computes: readonly Pick<ComputeRecord, 'id' | 'name'>[],
): Promise<boolean> {
  const epoch = from.epoch + 1;
  const how = wordsOf(lostSeconds);
  const was = { deviceId: from.id, epoch: from.epoch };
  if (!(await changeOwner(tx, group, was, { deviceId: to.id, epoch }))) return false;
  for (const { id, name } of computes) {
    const reason = `${name} ${how.does} on ${to.name}, for ${from.name} is lost.`;
    await setComputeState(tx, id, 'creating', { reason });
    await tx
      .update(compute)
      .set({ createRunId: null, observed: null, recovers: lostSeconds !== null })
      .where(eq(compute.id, id));
    await addEvent(tx, {
      type: 'compute.failedOver',
      subject: id,
      message: `${name} is ${to.name}'s now, under epoch ${String(epoch)}: ${from.name} is lost, and with it ${how.lost}.`,
      data: { from: from.id, to: to.id, epoch, lostSeconds },
    });
  }
  return true;
}

function wordsOf(lostSeconds: number | null): { does: string; lost: string } {
  if (lostSeconds === null)
    return { does: 'is started afresh', lost: 'what it had in memory and in its files, and its connections' };
  return {
    does: 'goes on from its last checkpoint',
    lost: `what it did in the last ${lostSeconds.toFixed(1)} s, and its connections`,
  };
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
