import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { decideLease, type LeaseRecord } from '../core/lease.ts';
import type { Database } from './database.ts';
import { addEvent } from './events.ts';
import { compute, device, deviceLease, placement } from './schema/index.ts';

export interface LeaseAnswer {
  /** What the device shows when it asks again. */
  generation: number;
  granted: boolean;
}

/** Answers a device that asks for its lease, see `decideLease`. What is granted is on record before the device hears of it. */
export async function askLease(db: Database, deviceId: string, shown: number | null): Promise<LeaseAnswer> {
  if (shown !== null && (await grantAgain(db, deviceId, shown))) return { generation: shown, granted: true };
  return db.transaction(async (tx) => {
    await tx.insert(deviceLease).values({ deviceId }).onConflictDoNothing();
    const record = await lockLease(tx, deviceId);
    if (record === null) throw new Error('a lease that was recorded is not there');
    const { action } = decideLease(record, shown);
    const { generation } = record;
    if (action === 'refuse') return { generation, granted: false };
    await tx
      .update(deviceLease)
      .set({ grants: record.grants + 1, deadAt: null })
      .where(eq(deviceLease.deviceId, deviceId));
    if (action === 'readmit') {
      const message =
        'The device is back: what it has of computes that were started elsewhere is cleared away.';
      await addEvent(tx, { type: 'device.readmitted', subject: deviceId, message, data: { generation } });
    }
    return { generation, granted: true };
  });
}

/** Nearly all requests are this one statement. */
async function grantAgain(db: Database, deviceId: string, generation: number): Promise<boolean> {
  const rows = await db
    .update(deviceLease)
    .set({ grants: sql`${deviceLease.grants} + 1` })
    .where(
      and(
        eq(deviceLease.deviceId, deviceId),
        eq(deviceLease.generation, generation),
        isNull(deviceLease.deadAt),
      ),
    )
    .returning({ grants: deviceLease.grants });
  return rows.length > 0;
}

/** Holds a device's lease to the end of the transaction: it is neither granted nor taken meanwhile. Null: it never asked. */
export async function lockLease(tx: Database, deviceId: string): Promise<LeaseRecord | null> {
  const [row] = await tx.select().from(deviceLease).where(eq(deviceLease.deviceId, deviceId)).for('update');
  return row ? { generation: row.generation, grants: row.grants, dead: row.deadAt !== null } : null;
}

/** Devices with a lease that was not taken from them, on which there is something that may be started elsewhere. */
export async function watchedLeases(db: Database): Promise<{ deviceId: string; grants: number }[]> {
  return db
    .selectDistinct({ deviceId: deviceLease.deviceId, grants: deviceLease.grants })
    .from(deviceLease)
    .innerJoin(placement, eq(placement.deviceId, deviceLease.deviceId))
    .innerJoin(compute, eq(compute.groupId, placement.groupId))
    .where(and(isNull(deviceLease.deadAt), isNull(compute.deletedAt), isProtected));
}

/**
 * Declares a device dead, unless its lease was granted again meanwhile: no lease is granted from here on, before the device
 * knows. Resolves with whether this did it.
 */
export async function declareDead(
  db: Database,
  { deviceId, grants, reason }: { deviceId: string; grants: number; reason: string },
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [taken] = await tx
      .update(deviceLease)
      .set({ deadAt: sql`now()`, generation: sql`${deviceLease.generation} + 1` })
      .where(
        and(eq(deviceLease.deviceId, deviceId), eq(deviceLease.grants, grants), isNull(deviceLease.deadAt)),
      )
      .returning();
    if (!taken) return false;
    const [row] = await tx.select({ name: device.name }).from(device).where(eq(device.id, deviceId));
    await addEvent(tx, {
      type: 'device.declaredDead',
      subject: deviceId,
      message: `${row?.name ?? deviceId} counts as dead: ${reason}. What may be started elsewhere is.`,
      data: { generation: taken.generation },
    });
    return true;
  });
}

export interface LostWithDevice {
  group: string;
  deviceId: string;
  /** Of its lease since it was declared dead. */
  generation: number;
}

/** Groups on devices that were declared dead, of which something may be started elsewhere. */
export async function lostGroups(db: Database): Promise<LostWithDevice[]> {
  return db
    .selectDistinct({
      ...{ group: placement.groupId, deviceId: placement.deviceId },
      generation: deviceLease.generation,
    })
    .from(deviceLease)
    .innerJoin(placement, eq(placement.deviceId, deviceLease.deviceId))
    .innerJoin(compute, eq(compute.groupId, placement.groupId))
    .where(and(isNotNull(deviceLease.deadAt), isNull(compute.deletedAt), isProtected));
}

/** That a compute may go on elsewhere when its device is lost; they have an index. */
export const isProtected = sql`${compute.spec} ? 'protection'`;
