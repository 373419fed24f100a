import { forgetSchedule, setScheduleActive, unsettledSchedules } from '../../db/schedules.ts';
import { isTemporalAway } from '../computes/operate.ts';
import type { ApiContext } from '../context.ts';

/** Tells Temporal of schedules that were made or deleted while it was away, or in the moment of a crash. */
export async function settleSchedules(context: ApiContext): Promise<void> {
  const { db, workflows } = context;
  try {
    for (const { id, state, cron, timeZone } of await unsettledSchedules(db)) {
      if (state === 'pending') {
        await workflows.keepSchedule(id, { cron, timeZone });
        await setScheduleActive(db, id);
      } else {
        await workflows.dropSchedule(id);
        await forgetSchedule(db, id);
      }
    }
  } catch (error) {
    if (!isTemporalAway(error)) throw error;
  }
}
