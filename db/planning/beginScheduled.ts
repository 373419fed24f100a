import { evacuateRequestSchema, rebalanceRequestSchema } from '../../core/api/evacuations.ts';
import { DrayageError } from '../../core/cause.ts';
import type { PlacementStrategy } from '../../core/choosePlacement.ts';
import type { Database } from '../database.ts';
import { findEvacuation } from '../evacuations.ts';
import { getSchedule, noteScheduleRun, type ScheduleRow } from '../schedules.ts';
import { placing } from './claims.ts';
import { beginEvacuation, type BeginOptions, beginRebalance, type Begun } from './begin.ts';

/**
 * Begins what is due, under an id by which a repetition finds it. What forbids it (the device does not answer, another
 * evacuation is under way, there is nothing to gain) is written on the schedule's record.
 */
export async function beginScheduled(
  db: Database,
  scheduleId: string,
  evacuationId: string,
  strategy: PlacementStrategy,
): Promise<{ action: 'begin' } | { action: 'refuse'; reason: string }> {
  if (await findEvacuation(db, evacuationId)) return { action: 'begin' };
  try {
    const row = await getSchedule(db, scheduleId);
    await placing(db, async (tx) => {
      const actor = row.createdBy ?? undefined;
      await beginDue(tx, row, { id: evacuationId, strategy, actor });
      await noteScheduleRun(tx, row, { evacuation: evacuationId });
    });
    return { action: 'begin' };
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error;
    const cause = error.cause_;
    // One that was deleted has no record to write on.
    if (cause.code !== 'unknownSchedule')
      await noteScheduleRun(db, await getSchedule(db, scheduleId), { cause });
    return { action: 'refuse', reason: cause.message };
  }
}

function beginDue(
  tx: Database,
  { action, deviceId, options }: ScheduleRow,
  how: BeginOptions,
): Promise<Begun> {
  if (action === 'rebalance') return beginRebalance(tx, rebalanceRequestSchema.parse(options), how);
  return beginEvacuation(tx, deviceId ?? '', evacuateRequestSchema.parse(options), how);
}
