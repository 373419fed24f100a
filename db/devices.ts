import { and, asc, eq, gt, inArray, isNull, ne, notInArray, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { RecordedCertificate } from '../core/decideCertificate.ts';
import type { DeviceState, Inventory } from '../core/device.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { classIdOf } from './deviceClasses.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { device, migration, placement } from './schema/index.ts';

export type DeviceRow = typeof device.$inferSelect;

/** A device's state as the API shows it: being unreachable hides what was decided about it. */
export function deviceState(row: Pick<DeviceRow, 'state' | 'unreachableAt'>): DeviceState {
  const silenceCounts = !['discovered', 'pending', 'retired'].includes(row.state);
  if (row.unreachableAt === null || !silenceCounts) return row.state;
  return 'unreachable';
}

/** What a new device says of itself, and its key. */
export interface NewDevice {
  id: string;
  name: string;
  publicKeyHash: string;
  inventory: Inventory;
  clockOffsetMs?: number | null;
  location?: string | null;
  labels?: Record<string, string>;
}

/** @throws DrayageError nameTaken, keyInUse */
export async function createDevice(db: Database, values: NewDevice): Promise<DeviceRow> {
  try {
    // A transaction of its own: its failure must not spoil the caller's.
    return await db.transaction(async (tx) => {
      const row = only(
        await tx
          .insert(device)
          .values({ ...values, classId: classIdOf(values.inventory), state: 'pending' })
          .returning(),
      );
      await addEvent(tx, { type: 'device.joined', subject: row.id, message: `${row.name} joined.` });
      return row;
    });
  } catch (error) {
    if (isViolation(error, '23505', 'device_key')) throw keyInUse();
    if (!isViolation(error, '23505', 'device_name')) throw error;
    throw nameTaken(values.name);
  }
}

/** @throws DrayageError nameTaken, when a device is called so now */
export async function requireFreeName(db: Database, name: string): Promise<void> {
  const [taken] = await db
    .select({ id: device.id })
    .from(device)
    .where(and(eq(device.name, name), notInArray(device.state, ['discovered', 'retired'])));
  if (taken) throw nameTaken(name);
}

function keyInUse(): DrayageError {
  return new DrayageError({
    code: 'keyInUse',
    message: 'Another device has this key.',
    mend: 'A key is never copied: make a new one on this device with `drayage device join --new-key`.',
  });
}

export function nameTaken(name: string): DrayageError {
  return new DrayageError({
    code: 'nameTaken',
    message: `Another device is called ${name}.`,
    mend: 'Choose another name, or remove the other device first with `drayage device rm`.',
  });
}

/** A device that asks once more to join, with the key that it is known by. */
export async function rejoinDevice(
  db: Database,
  id: string,
  values: { inventory: Inventory; clockOffsetMs: number | null },
): Promise<void> {
  await db
    .update(device)
    .set({ ...values, classId: classIdOf(values.inventory), lastHeartbeatAt: sql`now()` })
    .where(eq(device.id, id));
}

/** What is on record of a device's certificate. */
export function certificateOf({
  publicKeyHash,
  certifiedAt,
}: Pick<DeviceRow, 'publicKeyHash' | 'certifiedAt'>): RecordedCertificate {
  return { keyHash: publicKeyHash, issuedAt: certifiedAt.getTime() };
}

/** What is on record of the certificate of a device, by its id; null of one that was removed. It is asked for with every request. */
export async function recordedCertificate(db: Database, id: string): Promise<RecordedCertificate | null> {
  const [row] = await db.execute<{ hash: string; issued: number }>(sql`
    select public_key_hash as hash, floor(extract(epoch from certified_at) * 1000)::float8 as issued
    from device where id = ${id} and state <> 'retired'`);
  return row === undefined ? null : { keyHash: row.hash, issuedAt: row.issued };
}

/** @throws DrayageError keyInUse when the key is, or was, another device's */
export async function requireOwnKey(db: Database, id: string, keyHash: string): Promise<void> {
  const [other] = await db
    .select({ id: device.id })
    .from(device)
    .where(and(eq(device.publicKeyHash, keyHash), ne(device.id, id)))
    .limit(1);
  if (other) throw keyInUse();
}

/**
 * By id or name; devices that were removed are not found. A discovered device is found by the name that it claims as long
 * as nobody else has it. @throws DrayageError ambiguousDevice when several discovered ones claim it
 */
export async function findDevice(db: Database, idOrName: string): Promise<DeviceRow | null> {
  const column = idOrName.startsWith('dev_') ? device.id : device.name;
  const rows = await db
    .select()
    .from(device)
    .where(and(eq(column, idOrName), ne(device.state, 'retired')))
    .orderBy(asc(device.seq));
  const owner = rows.find(({ state }) => state !== 'discovered');
  if (owner) return owner;
  if (rows.length > 1) {
    throw new DrayageError({
      code: 'ambiguousDevice',
      message: `${String(rows.length)} discovered devices call themselves ${idOrName}.`,
      mend: `Compare their keys and name one by its id: ${rows.map(({ id }) => id).join(', ')}.`,
    });
  }
  return rows[0] ?? null;
}

/** @throws DrayageError unknownDevice */
export async function getDevice(db: Database, idOrName: string): Promise<DeviceRow> {
  const row = await findDevice(db, idOrName);
  if (!row) throw unknown('device', idOrName);
  return row;
}

export async function listDevices(db: Database, page: PageRequest): Promise<Page<DeviceRow>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(device)
    .where(and(ne(device.state, 'retired'), after === null ? undefined : gt(device.seq, after)))
    .orderBy(asc(device.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** All devices that have joined, for decisions about placement. */
export async function allDevices(db: Database): Promise<DeviceRow[]> {
  return db
    .select()
    .from(device)
    .where(notInArray(device.state, ['discovered', 'retired']))
    .orderBy(asc(device.seq));
}

/** Changes what was decided about a device, only from one of `from`. @throws DrayageError deviceState */
export async function setDeviceState(
  db: Database,
  id: string,
  from: DeviceRow['state'][],
  to: DeviceRow['state'],
  actor?: string,
): Promise<DeviceRow> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(device)
      .set({ state: to })
      .where(and(eq(device.id, id), inArray(device.state, from)))
      .returning();
    if (row) {
      await addEvent(tx, { type: `device.${to}`, subject: id, actor, message: `${row.name} is ${to}.` });
      return row;
    }
    const now = await getDevice(tx, id);
    if (now.state === to) return now;
    throw new DrayageError({
      code: 'deviceState',
      message: `Device ${now.name} is ${deviceState(now)}; it cannot become ${to} from there.`,
      mend: `Only a device that is ${from.join(' or ')} can.`,
    });
  });
}

/** Changes what the operator says of a device; what is undefined stays as it is. @throws DrayageError unknownDevice */
export async function updateDevice(
  db: Database,
  id: string,
  values: { location?: string | null | undefined; labels?: Record<string, string> | undefined },
  actor?: string,
): Promise<DeviceRow> {
  return db.transaction(async (tx) => {
    await getDevice(tx, id);
    if (Object.values(values).some((value) => value !== undefined)) {
      await tx.update(device).set(values).where(eq(device.id, id));
      const message = 'Its location or its labels were changed.';
      await addEvent(tx, { type: 'device.updated', subject: id, actor, message });
    }
    return getDevice(tx, id);
  });
}

/** Takes a device out for good. Refused while computes are placed on it, or move to it. */
export async function retireDevice(db: Database, id: string, actor?: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.select().from(device).where(eq(device.id, id)).for('update');
    if (!row || row.state === 'retired') throw unknown('device', id);
    const placed = await tx.select().from(placement).where(eq(placement.deviceId, id)).limit(1);
    if (placed.length > 0) {
      throw new DrayageError({
        code: 'deviceInUse',
        message: `Computes are placed on device ${row.name}.`,
        mend: 'Move or delete them first.',
      });
    }
    const [coming] = await tx
      .select({ id: migration.id })
      .from(migration)
      .where(and(eq(migration.targetId, id), isNull(migration.endedAt)))
      .limit(1);
    if (coming) {
      throw new DrayageError({
        code: 'deviceInUse',
        message: `A compute moves to device ${row.name}.`,
        mend: `Wait for the end of ${coming.id}, or stop it with \`drayage migration abort\`.`,
      });
    }
    await tx.update(device).set({ state: 'retired' }).where(eq(device.id, id));
    await addEvent(tx, { type: 'device.retired', subject: id, actor, message: `${row.name} was removed.` });
  });
}
