import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { decideEpoch, type EpochRecord } from '../core/decideEpoch.ts';
import type { Database } from './database.ts';
import { getDevice } from './devices.ts';
import { addEvent } from './events.ts';
import { changeOwner } from './placements.ts';
import { compute, event, placement } from './schema/index.ts';

export interface ReportedEpoch {
  /** Id of a compute. */
  id: string;
  epoch: number;
}

/**
 * Brings the placements up to what a device reports of its computes, and never below; see `decideEpoch`. Resolves with
 * those that are outdated there. A device that has what is another's by the record is noted once.
 */
export async function settleEpochs(
  db: Database,
  deviceId: string,
  reported: readonly ReportedEpoch[],
): Promise<string[]> {
  if (reported.length === 0) return [];
  const rows = await db
    .select({
      id: compute.id,
      name: compute.name,
      group: compute.groupId,
      deletedAt: compute.deletedAt,
      device: placement.deviceId,
      epoch: placement.epoch,
      transfer: placement.transferId,
    })
    .from(compute)
    .leftJoin(placement, eq(placement.groupId, compute.groupId))
    .where(
      inArray(
        compute.id,
        reported.map(({ id }) => id),
      ),
    );
  const known = new Map(rows.map((row) => [row.id, row]));
  const outdated: string[] = [];
  for (const { id, epoch } of reported) {
    const row = known.get(id);
    const { action } = decideEpoch(row ? recordOf(row) : null, { device: deviceId, epoch });
    if (action === 'outdated') outdated.push(id);
    else if (action === 'raise' && row)
      await raiseEpoch(db, { ...row, deviceId, from: row.epoch ?? 0, to: epoch });
    else if (action === 'claimed' && row) await noteClaim(db, { ...row, deviceId, to: epoch });
  }
  return outdated;
}

interface Joined {
  deletedAt: Date | null;
  device: string | null;
  epoch: number | null;
  transfer: string | null;
}

function recordOf({ deletedAt, device, epoch, transfer }: Joined): EpochRecord {
  const placed = device !== null && epoch !== null;
  return {
    deleted: deletedAt !== null,
    placement: placed ? { device, epoch, transferOpen: transfer !== null } : null,
  };
}

interface Change {
  id: string;
  name: string;
  group: string;
  deviceId: string;
  to: number;
}

/** Compare-and-set: whoever changed the placement meanwhile knew better. */
async function raiseEpoch(db: Database, change: Change & { from: number }): Promise<void> {
  const { id, name, group, deviceId, from, to } = change;
  await db.transaction(async (tx) => {
    if (!(await changeOwner(tx, group, { deviceId, epoch: from }, { deviceId, epoch: to }))) return;
    await addEvent(tx, {
      type: 'compute.epochRaised',
      subject: id,
      actor: deviceId,
      message: `The epoch of ${name} is ${to}, not ${from}: its device has it under a later one than the database knew.`,
      data: { from, to },
    });
  });
}

const CLAIMED = 'compute.claimed';

/** Once per device and epoch: it is reported again with every heartbeat. */
async function noteClaim(db: Database, { id, name, deviceId, to }: Change): Promise<void> {
  const [noted] = await db
    .select({ id: event.id })
    .from(event)
    .where(
      and(
        eq(event.subject, id),
        eq(event.type, CLAIMED),
        eq(event.actor, deviceId),
        sql`${event.data} ->> 'epoch' = ${String(to)}`,
      ),
    )
    .limit(1);
  if (noted) return;
  await addEvent(db, {
    type: CLAIMED,
    subject: id,
    actor: deviceId,
    message: `${name} is on ${deviceId} under epoch ${to}, by that device's word, and on another by the database.`,
    data: { epoch: to },
  });
}

/**
 * Records that the owner on record handed a group over before, under a later epoch than the database knows. Compare-and-set
 * and idempotent: false when it is not the owner under an earlier epoch any more, or a transfer is open.
 * @throws DrayageError unknownDevice
 */
export async function recordHandOver(
  db: Database,
  { deviceId, group, epoch, target }: { deviceId: string; group: string; epoch: number; target: string },
): Promise<boolean> {
  const to = await getDevice(db, target);
  return db.transaction(async (tx) => {
    if (!(await changeOwner(tx, group, { deviceId, below: epoch }, { deviceId: to.id, epoch }))) return false;
    const moved = await tx
      .select({ id: compute.id, name: compute.name })
      .from(compute)
      .where(and(eq(compute.groupId, group), isNull(compute.deletedAt)));
    for (const { id, name } of moved) {
      await addEvent(tx, {
        type: 'compute.handedOver',
        subject: id,
        actor: deviceId,
        message: `${name} is on ${to.name} under epoch ${epoch}: the device on record handed it over before.`,
        data: { target: to.id, epoch },
      });
    }
    return true;
  });
}
