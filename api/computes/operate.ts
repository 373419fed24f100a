import type { Accepted } from '../../core/api/common.ts';
import type { CreateComputeRequest } from '../../core/api/computes.ts';
import { DrayageError, RefusedError } from '../../core/cause.ts';
import { demandOf } from '../../core/demand.ts';
import { refusePorts } from '../../core/publishedPorts.ts';
import type { Scope } from '../../core/tenancy.ts';
import { unsettledMove } from '../../core/unsettledMove.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import {
  computeInScope,
  createCompute,
  type ComputeRecord,
  setCreateRun,
  setDesired,
} from '../../db/computes.ts';
import type { Database } from '../../db/database.ts';
import { type DeviceRow, getDevice } from '../../db/devices.ts';
import { groupElsewhere, groupInScope, type GroupRecord } from '../../db/groups.ts';
import { imageInScope, type ImageWithBlob } from '../../db/images.ts';
import { openMigration } from '../../db/migrationRecords.ts';
import { placing } from '../../db/planning/claims.ts';
import type { LifecycleOperation } from '../../workflows/contract.ts';
import { type ApiContext, freshId } from '../context.ts';
import { reservedPorts } from '../reservedPorts.ts';
import { chooseDevice, requireDevice, requireNone } from '../placement.ts';

/**
 * Records a compute and starts its making. Once it is recorded it will be made: when Temporal is away, it starts when
 * Temporal is back.
 * @throws DrayageError unknownImage, unknownDevice, unknownGroup, nameTaken, noAddress, noCommand, portReserved, portTaken,
 * tooManyPorts, quotaExceeded, quotaNeedsLimit, groupElsewhere, migrationRunning and transferOpen (of its group), and what
 * speaks against the device
 */
export async function makeCompute(
  context: ApiContext,
  tenantId: string,
  request: CreateComputeRequest,
  actor: string,
): Promise<Accepted> {
  const { db, config } = context;
  const { image: imageName, device: deviceName, group: groupName, ports, ...rest } = request;
  const scope = { tenantId, everywhere: false };
  const image = await imageInScope(db, scope, imageName);
  const group = groupName === undefined ? null : await groupInScope(db, scope, groupName);
  requireCommand(image, request);
  requireNone(refusePorts(ports, await reservedPorts(context)));
  const spec = {
    ...rest,
    id: freshId('compute'),
    group: group?.id ?? freshId('group'),
    image: { id: image.id, digest: image.digest },
  };
  const demand = demandOf({ tenantId, spec, imageBytes: image.blob.bytes });
  const given = await deviceOf(db, group, deviceName);
  const made = await placing(db, async (tx) => {
    if (given) await requireDevice(tx, given, demand);
    return createCompute(tx, {
      ...{ tenantId, spec, ports, actor },
      deviceId: given?.id ?? (await chooseDevice({ db: tx, config }, demand)).device.id,
      joins: group !== null,
      range: config.addresses,
    });
  });
  return {
    id: made.id,
    workflowId: workflowIdOf(made),
    runId: (await startMaking(context, made)) ?? '',
  };
}

/** Where a compute has to be made; null when that can be chosen. @throws DrayageError unknownDevice, groupElsewhere */
async function deviceOf(
  db: Database,
  group: GroupRecord | null,
  name: string | undefined,
): Promise<DeviceRow | null> {
  const asked = name === undefined ? null : await getDevice(db, name);
  if (!group?.placement) return asked;
  if (asked && asked.id !== group.placement.deviceId) throw groupElsewhere(group.name);
  return asked ?? getDevice(db, group.placement.deviceId);
}

/**
 * Starts the workflow of a compute that was recorded; null when Temporal is away, or something else is done to it or its
 * group, and it has to be tried again.
 */
export async function startMaking(context: ApiContext, made: ComputeRecord): Promise<string | null> {
  if (!made.placement) return null;
  const { deviceId: device, epoch } = made.placement;
  try {
    const { runId } = await context.workflows.startLifecycle(workflowIdOf(made), {
      ...making(made),
      ...{ spec: made.spec, device, epoch },
    });
    await setCreateRun(context.db, made.id, runId);
    return runId;
  } catch (error) {
    if (isTemporalAway(error) || isCode(error, 'workflowRunning')) return null;
    throw error;
  }
}

/** A compute of a snapshot, or of a checkpoint, is not made afresh, however often it is tried. */
function making({ restoreOf, recovers }: ComputeRecord) {
  if (recovers) return { operation: 'recover' } as const;
  return restoreOf === null
    ? ({ operation: 'create' } as const)
    : ({ operation: 'restore', snapshot: restoreOf } as const);
}

export function isTemporalAway(error: unknown): boolean {
  return isCode(error, 'temporalAway');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof DrayageError && error.cause_.code === code;
}

function requireCommand(image: ImageWithBlob, request: CreateComputeRequest): void {
  const { command, entrypoint } = image.blob.info;
  if ((request.command ?? command).length + entrypoint.length > 0) return;
  throw new DrayageError({
    code: 'noCommand',
    message: `Image ${image.name} says no command, and none was given.`,
    mend: 'Give one: `drayage compute create ... -- CMD`.',
  });
}

/** In which states an operation may begin, and what it makes the compute's desired state. */
const OPERATIONS = {
  start: { from: ['stopped', 'failed', 'lost'], desired: 'running' },
  stop: { from: ['running'], desired: 'stopped' },
  remove: { from: ['running', 'stopped', 'failed', 'lost', 'creating'], desired: 'stopped' },
  update: { from: ['running', 'stopped'], desired: null },
  snapshot: { from: ['running'], desired: null },
} as const;

/**
 * Starts, stops or deletes a compute: starts the workflow that does it.
 * @throws DrayageError unknownCompute, notRunning, notStopped, deviceUnreachable, transferOpen, workflowRunning
 */
export async function operate(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  operation: Exclude<LifecycleOperation, 'create' | 'restore' | 'recover' | 'update'>,
): Promise<Accepted> {
  const { db, workflows } = context;
  const { row, device, epoch } = await requireOperable(context, scope, idOrName, operation);
  try {
    const workflowId = workflowIdOf(row);
    const again = operation === 'start' && (row.restoreOf !== null || row.recovers);
    const { runId } = await workflows.startLifecycle(workflowId, {
      ...(again ? making(row) : { operation }),
      ...{ spec: row.spec, device, epoch },
    });
    // One that is restored is meant to run when it was.
    if (!again) await setDesired(db, row.id, OPERATIONS[operation].desired);
    return { id: row.id, workflowId, runId };
  } catch (error) {
    throw isCode(error, 'workflowRunning') ? await somethingRuns(context, row) : error;
  }
}

/**
 * The compute, if the operation may begin now, and who owns it.
 * @throws DrayageError unknownCompute, notRunning, notStopped, deviceUnreachable, transferOpen, migrationRunning
 */
export async function requireOperable(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  operation: keyof typeof OPERATIONS,
): Promise<{ row: ComputeRecord; device: string; epoch: number }> {
  const { db } = context;
  const row = await computeInScope(db, scope, idOrName);
  const { from } = OPERATIONS[operation];
  if (row.state === 'migrating') throw await somethingRuns(context, row);
  if (!(from as readonly string[]).includes(row.state)) throw wrongState(row, operation);
  const { deviceId: device = '', epoch = 0, transferId = null } = row.placement ?? {};
  requireNone(transferId === null ? [] : [unsettledMove(row.name)]);
  const deviceRow = await getDevice(db, device);
  if (deviceRow.unreachableAt !== null) {
    throw new DrayageError({
      code: 'deviceUnreachable',
      message: `Compute ${row.name} is on device ${deviceRow.name}, which does not answer.`,
      mend: 'Look at the device and its network; try again when it is back.',
    });
  }
  return { row, device, epoch };
}

const MENDS: Record<keyof typeof OPERATIONS, string> = {
  ...{ start: 'Nothing has to be done.', stop: 'Nothing has to be done.', remove: 'Nothing has to be done.' },
  update: 'Start it, or make it anew.',
  snapshot: 'Start it first; only of a running compute a snapshot can be made.',
};

function wrongState(row: ComputeRecord, operation: keyof typeof OPERATIONS): DrayageError {
  const code = operation === 'start' ? 'notStopped' : 'notRunning';
  const mend = row.state === 'creating' ? 'Wait until it was made.' : MENDS[operation];
  return new DrayageError({ code, message: `Compute ${row.name} is ${row.state}.`, mend });
}

/** The refusal that names what is under way for a compute: its move, or another operation. */
export async function somethingRuns(context: ApiContext, row: ComputeRecord): Promise<RefusedError> {
  const move = await openMigration(context.db, row.groupId);
  if (move) {
    return new RefusedError(
      [
        {
          code: 'migrationRunning',
          message: `Compute ${row.name} is being moved already (${move.id}).`,
          mend: `Wait for it with \`drayage migration show ${move.id}\`, or abort it with \`drayage migration abort ${move.id}\`.`,
        },
      ],
      { id: move.id, workflowId: move.workflowId },
    );
  }
  return new RefusedError(
    [
      {
        code: 'workflowRunning',
        message: `Something else is being done to ${row.groupName === null ? `compute ${row.name}` : `group ${row.groupName}`}.`,
        mend: 'Wait until it has ended and try again.',
      },
    ],
    { id: row.id, workflowId: workflowIdOf(row) },
  );
}
