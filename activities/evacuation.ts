import { randomBytes } from 'node:crypto';
import type { PlacementStrategy } from '../core/choosePlacement.ts';
import { newId } from '../core/ids.ts';
import { workflowIdOf } from '../core/workflowId.ts';
import { computesOfGroup, getCompute, setDesired } from '../db/computes.ts';
import type { Database } from '../db/database.ts';
import { getMigrationRow, moveInputOf, setMigrationRun, setMigrationState } from '../db/migrationRecords.ts';
import { setEvacuationRun } from '../db/evacuations.ts';
import { beginScheduled } from '../db/planning/beginScheduled.ts';
import { stepEvacuation } from '../db/planning/step.ts';
import type { EvacuationActivities, RecordedMove } from './controlInterface.ts';
import { withFailures } from './failure.ts';

/** The control plane's activities for evacuations: each one transaction of `db/`, and what a workflow has to be given for it. */
export function createEvacuationActivities(db: Database, strategy: PlacementStrategy): EvacuationActivities {
  return withFailures({
    async stepEvacuation(id) {
      const step = await stepEvacuation(db, id, { strategy, newId: () => newId('migration', randomBytes) });
      if (step.action === 'end') return step;
      const { moves, stops, againInMs } = step;
      return {
        action: 'go',
        moves: await Promise.all(moves.map((move) => recordedMove(db, move))),
        stops: await Promise.all(stops.map((compute) => stopOf(db, compute))),
        againInMs,
      };
    },
    beginScheduled: (scheduleId, evacuationId) => beginScheduled(db, scheduleId, evacuationId, strategy),
    noteEvacuationStarted: (id, runId) => setEvacuationRun(db, id, runId),
    noteMoveStarted: (id, runId) => setMigrationRun(db, id, runId),
    async refuseMove(id) {
      const cause = {
        code: 'workflowRunning',
        message: 'Something else is being done to its compute.',
        mend: 'Wait until that has ended.',
      };
      await setMigrationState(db, id, 'refused', cause.message, [cause]);
    },
  } satisfies EvacuationActivities);
}

async function recordedMove(db: Database, id: string): Promise<RecordedMove> {
  const row = await getMigrationRow(db, id);
  const computes = await computesOfGroup(db, row.groupId);
  return {
    ...{ workflowId: row.workflowId, computeId: row.computeId },
    input: moveInputOf(
      row,
      computes.map(({ spec }) => spec),
    ),
  };
}

/** As its owner stops a compute: it is not started again by itself. */
async function stopOf(db: Database, id: string) {
  const row = await getCompute(db, id);
  const { spec, placement } = row;
  await setDesired(db, id, 'stopped');
  const { deviceId: device = '', epoch = 0 } = placement ?? {};
  return { workflowId: workflowIdOf(row), input: { operation: 'stop' as const, spec, device, epoch } };
}
