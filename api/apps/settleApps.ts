import type { FastifyBaseLogger } from 'fastify';
import { DrayageError } from '../../core/cause.ts';
import { openApps, setAppState } from '../../db/apps.ts';
import type { ApiContext } from '../context.ts';
import { sweepAppStore } from './store.ts';
import { startBuild } from './upload.ts';

/**
 * Starts builds that were recorded and not started, ends the record of one whose workflow is gone, and removes what no
 * build needs any more. Those younger than `youngSeconds` are still the business of their request.
 */
export async function settleApps(
  context: ApiContext,
  logger: FastifyBaseLogger,
  youngSeconds: number,
): Promise<void> {
  const { db, workflows } = context;
  for (const row of await openApps(db, youngSeconds)) {
    try {
      if (row.runId === '') {
        if ((await startBuild(context, row)) !== null)
          logger.info({ app: row.id }, 'started the build of an application that was only recorded');
      } else if (!(await workflows.isRunning(row.id, row.runId)))
        await setAppState(db, row.id, 'failed', [GONE]);
    } catch (error) {
      // Temporal is away; a build waits for it.
      if (!(error instanceof DrayageError)) throw error;
    }
  }
  await sweepAppStore(context);
}

/** The workflow records the end itself, before it ends; only one that was terminated from outside could not. */
const GONE = {
  code: 'workflowGone',
  message: 'The workflow of this build was ended from outside.',
  mend: 'Upload the application again.',
};
