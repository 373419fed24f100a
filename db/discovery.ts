import { and, count, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import { FORGET_AFTER_HOURS, MAX_DISCOVERED } from '../core/discovery.ts';
import { type Database, isViolation, only } from './database.ts';
import {
  type DeviceRow,
  getDevice,
  nameTaken,
  type NewDevice,
  rejoinDevice,
  setDeviceState,
} from './devices.ts';
import { classIdOf } from './deviceClasses.ts';
import { addEvent } from './events.ts';
import { AdvisoryLock } from './locks.ts';
import { device } from './schema/index.ts';

/**
 * A device asks to join by itself. The same key is the same device; a new key is a new device in state `discovered`.
 * @throws DrayageError deviceRefused (an operator removed a device with this key), tooManyDiscovered
 */
export async function discoverDevice(db: Database, values: NewDevice): Promise<DeviceRow> {
  return db.transaction(async (tx) => {
    const known = await knownDevice(tx, values);
    if (known) return known;
    await tx.execute(sql`select pg_advisory_xact_lock(${AdvisoryLock.discovery})`);
    // The same device may have come a moment earlier.
    return (await knownDevice(tx, values)) ?? insertDiscovered(tx, values);
  });
}

/** What there is for this key, brought up to date; null when it is new. */
async function knownDevice(
  tx: Database,
  { name, publicKeyHash, inventory, clockOffsetMs = null }: NewDevice,
): Promise<DeviceRow | null> {
  const rows = await tx
    .select()
    .from(device)
    .where(eq(device.publicKeyHash, publicKeyHash))
    .orderBy(desc(device.seq));
  const row = rows.find(({ state }) => state !== 'retired');
  if (!row) {
    if (rows.length > 0) throw refused();
    return null;
  }
  await rejoinDevice(tx, row.id, { inventory, clockOffsetMs });
  // A name is a claim until the device is approved; then it is the operator's.
  if (row.state === 'discovered' && row.name !== name)
    await tx
      .update(device)
      .set({ name })
      .where(and(eq(device.id, row.id), eq(device.state, 'discovered')));
  return getDevice(tx, row.id);
}

async function insertDiscovered(tx: Database, values: NewDevice): Promise<DeviceRow> {
  const [waiting] = await tx.select({ number: count() }).from(device).where(eq(device.state, 'discovered'));
  if ((waiting?.number ?? 0) >= MAX_DISCOVERED) {
    throw new DrayageError({
      code: 'tooManyDiscovered',
      message: `${String(MAX_DISCOVERED)} devices wait for approval already.`,
      mend: 'Approve or remove some of them, or join with a token: `drayage device token`.',
    });
  }
  const row = only(
    await tx
      .insert(device)
      .values({ ...values, classId: classIdOf(values.inventory), state: 'discovered' })
      .returning(),
  );
  const message = `A device that calls itself ${row.name} asks to join.`;
  await addEvent(tx, { type: 'device.discovered', subject: row.id, message });
  return row;
}

function refused(): DrayageError {
  return new DrayageError({
    code: 'deviceRefused',
    message: 'The operator has removed or refused the device with this key.',
    mend: 'Join with a token (`drayage device token`), or make a new key with `drayage device join --new-key` on it.',
  });
}

/**
 * Lets a device take part that joined or was discovered; with `name` under another name than its own.
 * @throws DrayageError deviceState, nameTaken
 */
export async function approveDevice(
  db: Database,
  id: string,
  { name, actor }: { name?: string | undefined; actor?: string },
): Promise<DeviceRow> {
  const from = ['discovered', 'pending'] as const;
  try {
    return await db.transaction(async (tx) => {
      if (name !== undefined)
        await tx
          .update(device)
          .set({ name })
          .where(and(eq(device.id, id), inArray(device.state, [...from])));
      return await setDeviceState(tx, id, [...from], 'ready', actor);
    });
  } catch (error) {
    if (!isViolation(error, '23505', 'device_name')) throw error;
    throw nameTakenAtApproval(name ?? (await getDevice(db, id)).name);
  }
}

function nameTakenAtApproval(name: string): DrayageError {
  const { cause_ } = nameTaken(name);
  return new DrayageError({
    ...cause_,
    mend: 'Approve this one under another name (`drayage device approve ID --name NAME`), or remove the other first.',
  });
}

/** Forgets devices that were not approved in time; one that still asks shows again, as a new one. Returns their ids. */
export async function forgetDiscovered(db: Database): Promise<string[]> {
  return db.transaction(async (tx) => {
    const gone = await tx
      .delete(device)
      .where(
        and(
          eq(device.state, 'discovered'),
          lt(device.createdAt, sql`now() - make_interval(hours => ${FORGET_AFTER_HOURS})`),
        ),
      )
      .returning({ id: device.id, name: device.name });
    for (const { id, name } of gone)
      await addEvent(tx, {
        type: 'device.forgotten',
        subject: id,
        message: `${name} was not approved in ${String(FORGET_AFTER_HOURS)} hours.`,
      });
    return gone.map(({ id }) => id);
  });
}
