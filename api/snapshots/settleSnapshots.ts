import type { FastifyBaseLogger } from 'fastify';
import { DrayageError } from '../../core/cause.ts';
import { failSnapshot, justFailed, openSnapshots } from '../../db/snapshots.ts';
import type { ApiContext } from '../context.ts';
import { discardParts } from './store.ts';

/**
 * Ends the record of a snapshot that was never begun or whose workflow is gone, and discards what there is of those that have
 * just failed. Those younger than `youngSeconds` are still the business of their request.
 */
export async function settleSnapshots(
  context: ApiContext,
  logger: FastifyBaseLogger,
  youngSeconds: number,
): Promise<void> {
  const { db, workflows } = context;
  for (const { id, workflowId, runId } of await openSnapshots(db, youngSeconds)) {
    try {
      // What was asked for then is not what it would be of now.
      if (runId !== '' && (await workflows.isRunning(workflowId, runId))) continue;
      await failSnapshot(db, id, GONE);
      logger.error({ snapshot: id }, 'a snapshot has no workflow');
    } catch (error) {
      // Temporal is away; a snapshot waits for it.
      if (!(error instanceof DrayageError)) throw error;
    }
  }
  for (const id of await justFailed(db)) await discardParts(context.config.dataDir, id);
}

/** The workflow records the end itself, before it ends. */
const GONE = {
  code: 'workflowGone',
  message: 'The workflow of this snapshot was never started, or was ended from outside.',
  mend: 'Make the snapshot again.',
};
