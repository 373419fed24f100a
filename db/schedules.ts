import { and, asc, eq, gt, ne, sql } from 'drizzle-orm';
import { type Cause, DrayageError } from '../core/cause.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { device, schedule } from './schema/index.ts';

export type ScheduleRow = typeof schedule.$inferSelect;
export type ScheduleRecord = ScheduleRow & { deviceName: string | null };

function records(db: Database) {
  return db
    .select({ schedule, deviceName: device.name })
    .from(schedule)
    .leftJoin(device, eq(device.id, schedule.deviceId));
}

const record = ({
  schedule: row,
  deviceName,
}: Awaited<ReturnType<typeof records>>[number]): ScheduleRecord => ({
  ...row,
  deviceName,
});

/** Records a schedule, which Temporal has to be given then. @throws DrayageError nameTaken */
export async function createSchedule(
  db: Database,
  values: Pick<
    ScheduleRow,
    'id' | 'name' | 'action' | 'deviceId' | 'cron' | 'timeZone' | 'options' | 'createdBy'
  >,
): Promise<ScheduleRecord> {
  try {
    return await db.transaction(async (tx) => {
      const { id, name } = only(await tx.insert(schedule).values(values).returning());
      const actor = values.createdBy ?? undefined;
      await addEvent(tx, { type: 'schedule.created', subject: id, actor, message: `${name} was made.` });
      return getSchedule(tx, id);
    });
  } catch (error) {
    if (!isViolation(error, '23505', 'schedule_name')) throw error;
    throw new DrayageError({
      code: 'nameTaken',
      message: `Another schedule is called ${values.name}.`,
      mend: 'Choose another name, or delete the other schedule first with `drayage schedule rm`.',
    });
  }
}

/** By id or name. @throws DrayageError unknownSchedule */
export async function getSchedule(db: Database, idOrName: string): Promise<ScheduleRecord> {
  const column = idOrName.startsWith('sch_') ? schedule.id : schedule.name;
  const [row] = await records(db).where(and(eq(column, idOrName), ne(schedule.state, 'deleted')));
  if (!row) throw unknown('schedule', idOrName);
  return record(row);
}

/** In the order in which they were made. */
export async function listSchedules(db: Database, page: PageRequest): Promise<Page<ScheduleRecord>> {
  const after = cursorSequence(page.cursor);
  const rows = await records(db)
    .where(and(ne(schedule.state, 'deleted'), after === null ? undefined : gt(schedule.seq, after)))
    .orderBy(asc(schedule.seq))
    .limit(page.limit + 1);
  return toPage(rows.map(record), page.limit);
}

/** It begins nothing any more; its row goes when Temporal has forgotten it, too. */
export async function removeSchedule(db: Database, id: string, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .update(schedule)
      .set({ state: 'deleted' })
      .where(and(eq(schedule.id, id), ne(schedule.state, 'deleted')))
      .returning();
    if (row)
      await addEvent(tx, {
        type: 'schedule.deleted',
        subject: id,
        actor,
        message: `${row.name} was deleted.`,
      });
  });
}

/** Those of which Temporal has to hear. */
export async function unsettledSchedules(db: Database): Promise<ScheduleRow[]> {
  return db.select().from(schedule).where(ne(schedule.state, 'active')).orderBy(asc(schedule.seq));
}

/** Temporal has it now. */
export async function setScheduleActive(db: Database, id: string): Promise<void> {
  await db
    .update(schedule)
    .set({ state: 'active' })
    .where(and(eq(schedule.id, id), eq(schedule.state, 'pending')));
}

/** Temporal has it no more. */
export async function forgetSchedule(db: Database, id: string): Promise<void> {
  await db.delete(schedule).where(and(eq(schedule.id, id), eq(schedule.state, 'deleted')));
}

/** Records what came of one time. */
export async function noteScheduleRun(
  tx: Database,
  { id, name }: Pick<ScheduleRow, 'id' | 'name'>,
  outcome: { evacuation: string } | { cause: Cause },
): Promise<void> {
  const began = 'evacuation' in outcome;
  await tx
    .update(schedule)
    .set({
      lastRunAt: sql`now()`,
      lastEvacuationId: began ? outcome.evacuation : null,
      lastCause: began ? null : outcome.cause,
    })
    .where(eq(schedule.id, id));
  await addEvent(tx, {
    type: began ? 'schedule.began' : 'schedule.refused',
    subject: id,
    message: began
      ? `${name} began ${outcome.evacuation}.`
      : `${name} could not begin: ${outcome.cause.message}`,
  });
}
