import type { FastifyBaseLogger } from 'fastify';
import { DrayageError } from '../core/cause.ts';
import { setComputeState, unstartedComputes } from '../db/computes.ts';
import { finishMigration, getMigration, openMigrations } from '../db/migrationRecords.ts';
import { settleApps } from './apps/settleApps.ts';
import { assignPeers } from './failover/assignPeers.ts';
import { unfinishedUpdates } from '../db/computeUpdates.ts';
import { startMaking } from './computes/operate.ts';
import { resumeUpdate } from './computes/update.ts';
import type { ApiContext } from './context.ts';
import { settleEvacuations } from './evacuations/steer.ts';
import { settleSchedules } from './schedules/settleSchedules.ts';
import { beginAgain, freeMoves } from './migrations/start.ts';
import { settleSnapshots } from './snapshots/settleSnapshots.ts';

/** Younger records are still the business of the request that made them, seconds. */
const YOUNG_SECONDS = 15;

/**
 * Brings records and workflows together again after a crash between the two, or while Temporal was away: starts what was
 * recorded and not started, and ends the record of a move whose workflow is gone. Safe to do in several processes.
 */
export async function settle(context: ApiContext, logger: FastifyBaseLogger): Promise<void> {
  for (const compute of await unstartedComputes(context.db, YOUNG_SECONDS)) {
    try {
      // Something else may be done to it or its group yet: the rest need not wait for that.
      if ((await startMaking(context, compute)) === null) continue;
      logger.info({ compute: compute.id }, 'started the making of a compute that was only recorded');
    } catch (error) {
      if (!(error instanceof DrayageError)) throw error;
      await setComputeState(context.db, compute.id, 'failed', {
        from: ['creating'],
        reason: error.cause_.message,
        causes: [error.cause_],
      });
    }
  }
  for (const { row, given } of await unfinishedUpdates(context.db, YOUNG_SECONDS))
    if (await resumeUpdate(context, row, given))
      logger.info({ compute: row.id }, 'started a change of a compute that was only recorded');
  await settleApps(context, logger, YOUNG_SECONDS);
  await assignPeers(context, logger);
  await settleSchedules(context);
  const evacuations = await settleEvacuations(context, logger, YOUNG_SECONDS);
  await settleSnapshots(context, logger, YOUNG_SECONDS);
  let free = await freeMoves(context);
  for (const migration of await openMigrations(context.db)) {
    if (Date.now() - migration.createdAt.getTime() < YOUNG_SECONDS * 1000) continue;
    // An open evacuation starts its moves itself.
    if (migration.runId === '' && evacuations.has(migration.evacuationId ?? '')) continue;
    if (migration.runId === '') {
      // The others wait for these to end.
      if (free <= 0) continue;
      free -= 1;
      if (await beginAgain(context, migration))
        logger.info({ migration: migration.id }, 'started a move that was only recorded');
    } else if (!(await context.workflows.isRunning(migration.workflowId, migration.runId)))
      await endRecord(context, logger, migration.id);
  }
}

/** The workflow records the end itself, before it ends; only one that was terminated from outside could not. */
async function endRecord(context: ApiContext, logger: FastifyBaseLogger, id: string): Promise<void> {
  const cause = {
    code: 'workflowGone',
    message: 'The workflow of this move was ended from outside.',
    mend: 'Look at `drayage compute show` for where the compute is; move it again if need be.',
  };
  const ended = await finishMigration(context.db, id, {
    state: 'failed',
    reason: cause.message,
    causes: [cause],
  });
  if (!ended) return;
  logger.error({ migration: id }, 'a move has no workflow any more');
  const { compute } = await getMigration(context.db, id);
  await setComputeState(context.db, compute.id, 'running', { from: ['migrating'], reason: cause.message });
}
