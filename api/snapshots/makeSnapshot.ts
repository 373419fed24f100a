import type { Accepted } from '../../core/api/common.ts';
import type { CreateSnapshotRequest } from '../../core/api/snapshots.ts';
import { DrayageError } from '../../core/cause.ts';
import { deviceClass } from '../../core/deviceClass.ts';
import { snapshotNameOf } from '../../core/snapshotName.ts';
import type { Scope } from '../../core/tenancy.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import { getDevice } from '../../db/devices.ts';
import { createSnapshot, dropSnapshot, setSnapshotRun } from '../../db/snapshots.ts';
import { requireOperable, somethingRuns } from '../computes/operate.ts';
import { type ApiContext, freshId } from '../context.ts';

/**
 * Records a snapshot and starts its making. It is of now or of never: when it cannot be begun, nothing of it stays.
 * @throws DrayageError unknownCompute, notRunning, nameTaken, deviceUnreachable, transferOpen, migrationRunning,
 * workflowRunning, temporalAway
 */
export async function makeSnapshot(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  { name, note, endSessions }: CreateSnapshotRequest,
  actor: string,
): Promise<Accepted> {
  const { db, workflows } = context;
  const { row, device } = await requireOperable(context, scope, idOrName, 'snapshot');
  const { inventory } = await getDevice(db, device);
  const id = freshId('snapshot');
  const workflowId = workflowIdOf(row);
  await createSnapshot(db, {
    ...{ id, tenantId: row.tenantId, actor, note, workflowId, deviceId: device },
    name: name ?? snapshotNameOf(row.name, new Date()),
    ...{ computeId: row.id, computeName: row.name, imageId: row.imageId, spec: row.spec },
    class: deviceClass(inventory),
  });
  try {
    const given = { snapshot: id, spec: row.spec, device, endSessions };
    const { runId } = await workflows.startSnapshot(workflowId, given);
    await setSnapshotRun(db, id, runId);
    return { id, workflowId, runId };
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error;
    await dropSnapshot(db, id);
    throw error.cause_.code === 'workflowRunning' ? await somethingRuns(context, row) : error;
  }
}
