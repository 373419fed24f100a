import { and, eq, isNull, notInArray, sql } from 'drizzle-orm';
import type { Cause } from '../core/cause.ts';
import { CLOCK_TOLERANCE_MS, clockCauses } from '../core/clockCauses.ts';
import { decideCertificate, type ShownCertificate } from '../core/decideCertificate.ts';
import type { Inventory } from '../core/device.ts';
import { type Database, unknown } from './database.ts';
import { classIdOf } from './deviceClasses.ts';
import { certificateOf, type DeviceRow } from './devices.ts';
import { addEvent } from './events.ts';
import { device } from './schema/index.ts';

/** Silence after which a device counts as unreachable: four heartbeats of two seconds. */
export const UNREACHABLE_AFTER_SECONDS = 8;

/** What a sign of life shows beside what it says. */
export interface Shown {
  /** How far the device's clock is ahead, milliseconds; null when it has not said. @default null */
  clockOffsetMs?: number | null;
  /** Of the connection. */
  certificate?: ShownCertificate;
}

/**
 * Records a sign of life: an unreachable device is back with it, and a new key that it comes with is the only one from then on.
 * Resolves with what has begun to be wrong with the device's clock.
 */
export async function heartbeat(
  db: Database,
  id: string,
  inventory: Inventory,
  shown: Shown = {},
): Promise<Cause[]> {
  if (await noteLife(db, id, inventory, shown)) return [];
  const { clockOffsetMs = null, certificate } = shown;
  return db.transaction(async (tx) => {
    const [before] = await tx.select().from(device).where(eq(device.id, id)).for('update');
    if (!before || before.state === 'retired') throw unknown('device', id);
    const classId = classIdOf(inventory);
    const isNewer = certificate && decideCertificate(certificate, certificateOf(before)).action === 'adopt';
    const taken = isNewer
      ? { publicKeyHash: certificate.keyHash, certifiedAt: new Date(certificate.issuedAt) }
      : {};
    await tx
      .update(device)
      .set({ inventory, classId, clockOffsetMs, ...taken, lastHeartbeatAt: sql`now()`, unreachableAt: null })
      .where(eq(device.id, id));
    if (before.unreachableAt !== null)
      await addEvent(tx, { type: 'device.reachable', subject: id, message: `${before.name} is back.` });
    if (before.classId !== null && before.classId !== classId) {
      const message = `${before.name} is of another class now: what may move to it and from it may have changed.`;
      await addEvent(tx, { type: 'device.classChanged', subject: id, message, data: { class: classId } });
    }
    return noteClock(tx, before, clockOffsetMs);
  });
}

/** Most signs of life say nothing that anybody has to hear of; they are one statement. Resolves with whether this was one. */
async function noteLife(
  db: Database,
  id: string,
  inventory: Inventory,
  { clockOffsetMs = null, certificate }: Shown,
): Promise<boolean> {
  if (clockCauses('', clockOffsetMs).length > 0) return false;
  const keyHash = certificate?.keyHash ?? null;
  // Written out: with a thousand devices five hundred are asked for a second, and building one costs more than all the rest.
  const rows = await db.execute(sql`
    update device set inventory = ${JSON.stringify(inventory)}::jsonb, clock_offset_ms = ${clockOffsetMs}, last_heartbeat_at = now()
    where id = ${id} and state <> 'retired' and unreachable_at is null and class_id = ${classIdOf(inventory)}
      and (${keyHash}::text is null or public_key_hash = ${keyHash})
      and (clock_offset_ms is null or abs(clock_offset_ms) <= ${CLOCK_TOLERANCE_MS})
    returning id`);
  return rows.length > 0;
}

/** Tells of a clock that has begun to be wrong, or is right again; resolves with the causes of the former. */
async function noteClock(tx: Database, before: DeviceRow, clockOffsetMs: number | null): Promise<Cause[]> {
  const { id, name } = before;
  const causes = clockCauses(name, clockOffsetMs);
  const wasWrong = clockCauses(name, before.clockOffsetMs).length > 0;
  const [wrong] = causes;
  if (wrong !== undefined && !wasWrong)
    await addEvent(tx, { type: 'device.clockWrong', subject: id, message: wrong.message });
  if (wrong === undefined && wasWrong)
    await addEvent(tx, { type: 'device.clockRight', subject: id, message: `The clock of ${name} is right.` });
  return wasWrong ? [] : causes;
}

/** Marks devices that were silent for too long, by the database's clock; returns their ids. */
export async function markUnreachable(db: Database): Promise<string[]> {
  return db.transaction(async (tx) => {
    const silent = await tx
      .update(device)
      .set({ unreachableAt: sql`now()` })
      .where(
        and(
          isNull(device.unreachableAt),
          // A discovered device owes nobody a sign of life.
          notInArray(device.state, ['discovered', 'retired']),
          sql`${device.lastHeartbeatAt} < now() - make_interval(secs => ${UNREACHABLE_AFTER_SECONDS})`,
        ),
      )
      .returning({ id: device.id, name: device.name });
    for (const { id, name } of silent)
      await addEvent(tx, { type: 'device.unreachable', subject: id, message: `${name} does not answer.` });
    return silent.map(({ id }) => id);
  });
}
