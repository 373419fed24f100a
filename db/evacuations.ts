import { and, asc, desc, eq, inArray, isNull, lt, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { Caps, EvacuationState, LeftoverPolicy } from '../core/evacuation.ts';
import { EvacuationKind, OPEN_EVACUATION_STATES } from '../core/evacuation.ts';
import type { MoveOptions } from '../core/migration.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { setDeviceState } from './devices.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { device, evacuation, evacuationItem } from './schema/index.ts';

export type EvacuationRow = typeof evacuation.$inferSelect;
export type EvacuationItemRow = typeof evacuationItem.$inferSelect;

export interface NewEvacuation {
  id: string;
  kind: EvacuationKind;
  deviceId: string | null;
  returnsId?: string | null;
  caps: Caps;
  options: MoveOptions;
  policy: LeftoverPolicy;
  /** From now. */
  deadlineSeconds?: number | undefined;
  returnHome?: boolean;
  actor?: string | undefined;
}

/** Records an evacuation that is about to begin. @throws DrayageError evacuationRunning */
export async function createEvacuation(tx: Database, values: NewEvacuation): Promise<EvacuationRow> {
  const { deadlineSeconds, returnHome = false, returnsId = null, ...rest } = values;
  try {
    const row = only(
      await tx.transaction((inner) =>
        inner
          .insert(evacuation)
          .values({
            ...{ ...rest, returnsId },
            state: 'running',
            reason: 'It is about to begin.',
            returnHome: returnHome ? 'asked' : 'no',
            deadlineAt:
              deadlineSeconds === undefined ? null : sql`now() + make_interval(secs => ${deadlineSeconds})`,
          })
          .returning(),
      ),
    );
    await note(tx, row, values.actor, TITLES[row.kind]);
    return row;
  } catch (error) {
    if (!isViolation(error, '23505')) throw error;
    const [open] = await tx
      .select({ id: evacuation.id })
      .from(evacuation)
      .where(
        and(
          isNull(evacuation.endedAt),
          values.deviceId === null
            ? eq(evacuation.kind, EvacuationKind.rebalance)
            : eq(evacuation.deviceId, values.deviceId),
        ),
      );
    throw new DrayageError({
      code: 'evacuationRunning',
      message: `${values.deviceId === null ? 'A rebalance' : 'An evacuation or a return of this device'} is under way${open ? ` (${open.id})` : ''}.`,
      mend: 'Wait for it with `drayage evacuation show`, or cancel it with `drayage evacuation cancel`.',
    });
  }
}

const TITLES: Record<EvacuationKind, string> = {
  evacuate: 'An evacuation was asked for.',
  return: 'What had left was asked back.',
  rebalance: 'A rebalance was asked for.',
};

async function note(
  tx: Database,
  row: EvacuationRow,
  actor: string | undefined,
  message: string,
): Promise<void> {
  const { id, state, deviceId, kind } = row;
  await addEvent(tx, {
    type: `evacuation.${state}`,
    subject: id,
    actor,
    message,
    data: { kind, device: deviceId },
  });
}

/** Null when there is none with this id. */
export async function findEvacuation(db: Database, id: string): Promise<EvacuationRow | null> {
  const [row] = await db.select().from(evacuation).where(eq(evacuation.id, id));
  return row ?? null;
}

/** @throws DrayageError unknownEvacuation */
export async function getEvacuation(db: Database, id: string, lock = false): Promise<EvacuationRow> {
  const query = db.select().from(evacuation).where(eq(evacuation.id, id));
  const [row] = await (lock ? query.for('update') : query);
  if (!row) throw unknown('evacuation', id);
  return row;
}

/** All that have not ended, in the order in which they were asked for. */
export async function openEvacuations(db: Database): Promise<EvacuationRow[]> {
  return db.select().from(evacuation).where(isNull(evacuation.endedAt)).orderBy(asc(evacuation.seq));
}

/** The one of a device that has not ended; null when there is none. */
export async function openEvacuationOf(db: Database, deviceId: string): Promise<EvacuationRow | null> {
  const [row] = await db
    .select()
    .from(evacuation)
    .where(and(eq(evacuation.deviceId, deviceId), isNull(evacuation.endedAt)));
  return row ?? null;
}

/** The last evacuation of a device whose computes were asked to come back and have not yet; null when there is none. */
export async function evacuationToReturn(db: Database, deviceId: string): Promise<EvacuationRow | null> {
  const [row] = await db
    .select()
    .from(evacuation)
    .where(and(eq(evacuation.deviceId, deviceId), eq(evacuation.kind, 'evacuate')))
    .orderBy(desc(evacuation.seq))
    .limit(1);
  return row?.returnHome === 'asked' && row.endedAt !== null ? row : null;
}

/** Records that its computes have been asked back. */
export async function setReturned(db: Database, id: string): Promise<void> {
  await db.update(evacuation).set({ returnHome: 'done' }).where(eq(evacuation.id, id));
}

/** Newest first. */
export async function listEvacuations(
  db: Database,
  { deviceId, open, ...page }: PageRequest & { deviceId?: string | undefined; open: boolean },
): Promise<Page<EvacuationRow>> {
  const before = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(evacuation)
    .where(
      and(
        deviceId === undefined ? undefined : eq(evacuation.deviceId, deviceId),
        open ? isNull(evacuation.endedAt) : undefined,
        before === null ? undefined : lt(evacuation.seq, before),
      ),
    )
    .orderBy(desc(evacuation.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** What these evacuations have to do, in the order of their plans. */
export async function itemsOf(db: Database, ids: readonly string[]): Promise<EvacuationItemRow[]> {
  if (ids.length === 0) return [];
  return db
    .select()
    .from(evacuationItem)
    .where(inArray(evacuationItem.evacuationId, [...ids]))
    .orderBy(asc(evacuationItem.evacuationId), asc(evacuationItem.position), asc(evacuationItem.name));
}

/** Names of devices by id. */
export async function deviceNames(db: Database, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: device.id, name: device.name })
    .from(device)
    .where(inArray(device.id, [...new Set(ids)]));
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** Changes a state only from one of `from`; a state that it has already is left. @throws DrayageError evacuationState */
export async function setEvacuationState(
  db: Database,
  id: string,
  from: readonly EvacuationState[],
  to: 'running' | 'paused' | 'cancelling',
  { actor, reason, abortMoves = false }: { actor?: string | undefined; reason: string; abortMoves?: boolean },
): Promise<EvacuationRow> {
  return db.transaction(async (tx) => {
    const before = await getEvacuation(tx, id, true);
    const same = before.state === to && (!abortMoves || before.abortMoves);
    if (same) return before;
    if (!from.includes(before.state) && before.state !== to) throw wrongState(before, to);
    const row = only(
      await tx
        .update(evacuation)
        .set({ state: to, reason, abortMoves: abortMoves || before.abortMoves })
        .where(eq(evacuation.id, id))
        .returning(),
    );
    await note(tx, row, actor, reason);
    return row;
  });
}

function wrongState({ id, state }: EvacuationRow, to: EvacuationState): DrayageError {
  const ended = !OPEN_EVACUATION_STATES.includes(state);
  return new DrayageError({
    code: 'evacuationState',
    message: `Evacuation ${id} is ${state}; it cannot become ${to} from there.`,
    mend: ended
      ? 'It has ended; begin another one.'
      : 'It is being cancelled; begin another one when it has ended.',
  });
}

/**
 * Ends an evacuation; nothing happens when it has ended. Its device stays cordoned, as drained when nothing is left. Tells
 * whether it did.
 */
export async function endEvacuation(
  tx: Database,
  id: string,
  state: Extract<EvacuationState, 'succeeded' | 'incomplete' | 'cancelled' | 'failed'>,
  reason: string,
): Promise<boolean> {
  const [row] = await tx
    .update(evacuation)
    .set({ state, reason, endedAt: sql`now()`, predictedEndAt: null })
    .where(and(eq(evacuation.id, id), isNull(evacuation.endedAt)))
    .returning();
  if (!row) return false;
  await tx
    .update(evacuationItem)
    .set({ state: 'left', startsAt: null, endsAt: null, endedAt: sql`now()` })
    .where(and(eq(evacuationItem.evacuationId, id), inArray(evacuationItem.state, ['waiting', 'moving'])));
  await note(tx, row, undefined, reason);
  if (row.kind === EvacuationKind.evacuate) await endDraining(tx, row);
  return true;
}

async function endDraining(tx: Database, { deviceId, state, actor }: EvacuationRow): Promise<void> {
  const [draining] = await tx
    .select({ id: device.id })
    .from(device)
    .where(and(eq(device.id, deviceId ?? ''), eq(device.state, 'draining')));
  // Somebody may have removed it meanwhile.
  const next = state === 'succeeded' ? 'drained' : 'cordoned';
  if (draining) await setDeviceState(tx, draining.id, ['draining'], next, actor ?? undefined);
}

/** Records that its workflow was started. */
export async function setEvacuationRun(db: Database, id: string, runId: string): Promise<void> {
  await db.update(evacuation).set({ runId }).where(eq(evacuation.id, id));
}
