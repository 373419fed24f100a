import { and, asc, eq, gt, inArray, isNull, ne, notInArray, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { DeviceState, Inventory } from '../core/device.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { device, placement } from './schema/index.ts';

export type DeviceRow = typeof device.$inferSelect;

/** Silence after which a device counts as unreachable: four heartbeats of two seconds. */
export const UNREACHABLE_AFTER_SECONDS = 8;

/** A device's state as the API shows it: being unreachable hides what was decided about it. */
export function deviceState(row: Pick<DeviceRow, 'state' | 'unreachableAt'>): DeviceState {
  const silenceCounts = !['discovered', 'pending', 'retired'].includes(row.state);
  if (row.unreachableAt === null || !silenceCounts) return row.state;
  return 'unreachable';
}

export async function createDevice(
  db: Database,
  values: { id: string; name: string; publicKeyHash: string; inventory: Inventory },
): Promise<DeviceRow> {
  try {
    // A transaction of its own: its failure must not spoil the caller's.
    return await db.transaction(async (tx) => {
      const row = only(
        await tx
          .insert(device)
          .values({ ...values, state: 'pending' })
          .returning(),
      );
      await addEvent(tx, { type: 'device.joined', subject: row.id, message: `${row.name} joined.` });
      return row;
    });
  } catch (error) {
    if (!isViolation(error, '23505', 'device_name')) throw error;
    throw nameTaken(values.name);
  }
}

export function nameTaken(name: string): DrayageError {
  return new DrayageError({
    code: 'nameTaken',
    message: `Another device is called ${name}.`,
    mend: 'Choose another name, or remove the other device first with `drayage device rm`.',
  });
}

/** A device that joins again with its certificate, or repeats its join. */
export async function rejoinDevice(
  db: Database,
  id: string,
  values: { publicKeyHash: string; inventory: Inventory },
): Promise<void> {
  await db
    .update(device)
    .set({ ...values, lastHeartbeatAt: sql`now()` })
    .where(eq(device.id, id));
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

/** Records a sign of life; an unreachable device is back with it. */
export async function heartbeat(db: Database, id: string, inventory: Inventory): Promise<void> {
  await db.transaction(async (tx) => {
    const [before] = await tx.select().from(device).where(eq(device.id, id)).for('update');
    if (!before || before.state === 'retired') throw unknown('device', id);
    await tx
      .update(device)
      .set({ inventory, lastHeartbeatAt: sql`now()`, unreachableAt: null })
      .where(eq(device.id, id));
    if (before.unreachableAt !== null)
      await addEvent(tx, { type: 'device.reachable', subject: id, message: `${before.name} is back.` });
  });
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

/** Takes a device out for good. Refused while computes are placed on it. */
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
    await tx.update(device).set({ state: 'retired' }).where(eq(device.id, id));
    await addEvent(tx, { type: 'device.retired', subject: id, actor, message: `${row.name} was removed.` });
  });
}
