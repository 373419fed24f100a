import { and, eq, isNull, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import {
  decideReport,
  decideVerdict,
  type TransferFacts,
  type TransferOutcome,
  type TransferReport,
  type TransferRole,
  type VerdictAnswer,
  type VerdictWish,
  verdictAnswer,
} from '../core/transfer.ts';
import { type Database, isViolation, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { placement, transfer } from './schema/index.ts';

export type TransferRow = typeof transfer.$inferSelect;

export interface NewTransfer {
  /** 128 random bits, hex; new for every freeze. */
  id: string;
  migrationId: string;
  group: string;
  source: string;
  target: string;
  /** The epoch under which the target would own the group: the placement's and one. */
  epoch: number;
}

const factsOf = (row: TransferRow): TransferFacts => ({
  verdict: row.verdict,
  outcome: row.outcome,
  closed: row.closedAt !== null,
});

/**
 * Opens a transfer and ties it to the placement, which must be (source, epoch - 1) with none open. The same call again
 * finds its own work.
 * @throws DrayageError transferOpen, placementChanged
 */
export async function openTransfer(db: Database, values: NewTransfer): Promise<TransferRow> {
  const { id, migrationId, group, source, target, epoch } = values;
  try {
    return await db.transaction(async (tx) => {
      const [known] = await tx.select().from(transfer).where(eq(transfer.id, id));
      if (known) return sameTransfer(known, values);
      const [row] = await tx
        .insert(transfer)
        .values({ id, migrationId, groupId: group, sourceId: source, targetId: target, epoch })
        .returning();
      const tied = await tx
        .update(placement)
        .set({ transferId: id, changedAt: sql`now()` })
        .where(
          and(
            eq(placement.groupId, group),
            eq(placement.deviceId, source),
            eq(placement.epoch, epoch - 1),
            isNull(placement.transferId),
          ),
        )
        .returning();
      if (tied.length === 0 || !row) throw await notTied(tx, group);
      return row;
    });
  } catch (error) {
    if (isViolation(error, '23505', 'transfer_one_open')) throw transferOpen(group);
    // Two attempts of one activity at the same moment: the other's row is there now.
    if (isViolation(error, '23505', 'transfer_pkey')) return sameTransfer(await getTransfer(db, id), values);
    throw error;
  }
}

function sameTransfer(row: TransferRow, values: NewTransfer): TransferRow {
  const same =
    row.migrationId === values.migrationId &&
    row.groupId === values.group &&
    row.sourceId === values.source &&
    row.targetId === values.target &&
    row.epoch === values.epoch;
  if (same) return row;
  throw new DrayageError({
    code: 'transferOpen',
    message: `Transfer ${row.id} is another one.`,
    mend: 'Choose a new random id for every freeze.',
  });
}

async function notTied(tx: Database, group: string): Promise<DrayageError> {
  const [row] = await tx.select().from(placement).where(eq(placement.groupId, group));
  if (!row) return unknown('group', group);
  if (row.transferId !== null) return transferOpen(group);
  return new DrayageError({
    code: 'placementChanged',
    message: `Group ${group} is owned by ${row.deviceId} with epoch ${String(row.epoch)} now.`,
    mend: 'Ask for the move again; it starts from where the compute is.',
  });
}

function transferOpen(group: string): DrayageError {
  return new DrayageError({
    code: 'transferOpen',
    message: `An earlier transfer of group ${group} is not closed yet.`,
    mend: 'Wait until its source and target have answered; both do when they can reach the control plane.',
  });
}

/** @throws DrayageError unknownTransfer */
export async function getTransfer(db: Database, id: string): Promise<TransferRow> {
  const [row] = await db.select().from(transfer).where(eq(transfer.id, id));
  if (!row) throw unknown('transfer', id);
  return row;
}

/** Locks a transfer to the end of the transaction: questions and reports about it happen one after the other. */
async function lockTransfer(tx: Database, id: string): Promise<TransferRow> {
  const [row] = await tx.select().from(transfer).where(eq(transfer.id, id)).for('update');
  if (!row) throw unknown('transfer', id);
  return row;
}

/**
 * Answers a device that asks about a transfer, and gives the verdict where it asks for one and there is none; see
 * `decideVerdict`. An `abort` closes the transfer: the placement stays as it is and the next move may begin.
 * @throws DrayageError unknownTransfer
 */
export async function askVerdict(
  db: Database,
  id: string,
  role: TransferRole,
  wants: VerdictWish,
): Promise<VerdictAnswer> {
  return db.transaction(async (tx) => {
    const row = await lockTransfer(tx, id);
    const { action } = decideVerdict(factsOf(row), role, wants);
    if (action === 'keep') return verdictAnswer(factsOf(row));
    if (action === 'giveGo') {
      await tx.update(transfer).set({ verdict: 'go' }).where(eq(transfer.id, id));
      await noteVerdict(tx, row, 'go');
      return verdictAnswer({ ...factsOf(row), verdict: 'go' });
    }
    await tx
      .update(transfer)
      .set({ verdict: 'abort', closedAt: sql`now()` })
      .where(eq(transfer.id, id));
    await untie(tx, row, {});
    await noteVerdict(tx, row, 'abort');
    return verdictAnswer({ ...factsOf(row), verdict: 'abort', closed: true });
  });
}

async function noteVerdict(tx: Database, row: TransferRow, verdict: string): Promise<void> {
  const message = `The control plane's verdict on transfer ${row.id} is ${verdict}.`;
  await addEvent(tx, {
    type: 'migration.verdict',
    subject: row.migrationId,
    message,
    data: { transfer: row.id, verdict },
  });
}

/** Takes a closed transfer off its placement, with the change of ownership; nothing if it is not tied to it any more. */
async function untie(
  tx: Database,
  row: TransferRow,
  owner: { deviceId?: string; epoch?: number },
): Promise<void> {
  await tx
    .update(placement)
    .set({ ...owner, transferId: null, changedAt: sql`now()` })
    .where(and(eq(placement.groupId, row.groupId), eq(placement.transferId, row.id)));
}

/**
 * Records what became of a transfer and changes the placement with it, in one transaction; see `decideReport`.
 * Idempotent. A report against the record is refused and changes nothing.
 * @throws DrayageError unknownTransfer, transferContradiction
 */
export async function reportTransfer(db: Database, id: string, report: TransferReport): Promise<void> {
  await db.transaction(async (tx) => {
    const row = await lockTransfer(tx, id);
    const decision = decideReport(factsOf(row), report);
    if (decision.action === 'contradiction') {
      throw new DrayageError({
        code: 'transferContradiction',
        message: `Transfer ${id} cannot be ${report}: ${decision.reason}.`,
        mend: 'Ask for the verdict and follow it.',
      });
    }
    if (report === 'released')
      await tx
        .update(transfer)
        .set({ releasedAt: sql`coalesce(${transfer.releasedAt}, now())` })
        .where(eq(transfer.id, id));
    if (decision.action === 'nothing') return;
    const { outcome, verdict } = decision;
    await tx
      .update(transfer)
      .set({ outcome, verdict, closedAt: sql`now()` })
      .where(eq(transfer.id, id));
    if (decision.placement === 'advance') await untie(tx, row, { deviceId: row.targetId, epoch: row.epoch });
    else await untie(tx, row, decision.placement === 'next' ? { epoch: row.epoch + 1 } : {});
    const message = `Transfer ${id} is closed: ${decision.reason}.`;
    await addEvent(tx, {
      type: 'migration.transferClosed',
      subject: row.migrationId,
      message,
      data: { transfer: id, outcome },
    });
  });
}

/** What the workflow records of a transfer's end; the same rules as for a device's report. */
export async function closeTransfer(db: Database, id: string, outcome: TransferOutcome): Promise<void> {
  await reportTransfer(db, id, outcome);
}
