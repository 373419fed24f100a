import type { Accepted } from '../../core/api/common.ts';
import type { UpdateComputeRequest } from '../../core/api/computes.ts';
import { DrayageError } from '../../core/cause.ts';
import { planUpdate } from '../../core/planUpdate.ts';
import type { GivenUpdate } from '../../core/observed.ts';
import type { Scope } from '../../core/tenancy.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import { beginUpdate, undoUpdate } from '../../db/computeUpdates.ts';
import type { ComputeRecord } from '../../db/computes.ts';
import type { ApiContext } from '../context.ts';
import { requireOperable, somethingRuns } from './operate.ts';

/**
 * Changes a compute: records what it is to be and starts the workflow that makes it so. `lastUpdate` of the compute says what
 * became of it; a change that its device refuses leaves it as it was.
 * @throws DrayageError unknownCompute, notRunning, deviceUnreachable, transferOpen, workflowRunning, quotaExceeded
 */
export async function updateCompute(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  change: UpdateComputeRequest,
  actor: string,
): Promise<Accepted> {
  const { db, workflows } = context;
  const { row, device, epoch } = await requireOperable(context, scope, idOrName, 'update');
  const before = row.spec;
  const { spec, demand, reason } = planUpdate(before, change);
  const given = { before, reason, actor };
  await beginUpdate(db, row.id, { given, spec, demand });
  try {
    const workflowId = workflowIdOf(row);
    const { runId } = await workflows.startLifecycle(workflowId, {
      operation: 'update',
      ...{ spec, device, epoch, update: given },
    });
    return { id: row.id, workflowId, runId };
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error;
    await undoUpdate(db, row.id, before, error.cause_);
    throw error.cause_.code === 'workflowRunning' ? await somethingRuns(context, row) : error;
  }
}

/** Makes up for a change that was recorded and whose workflow is not there; one that is under way is left alone. */
export async function resumeUpdate(
  { db, workflows }: ApiContext,
  row: ComputeRecord,
  given: GivenUpdate,
): Promise<boolean> {
  if (!row.placement) return false;
  const { deviceId: device, epoch } = row.placement;
  try {
    await workflows.startLifecycle(workflowIdOf(row), {
      operation: 'update',
      ...{ spec: row.spec, device, epoch, update: given },
    });
    return true;
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error;
    if (!error.retryable) await undoUpdate(db, row.id, given.before, error.cause_);
    return false;
  }
}
