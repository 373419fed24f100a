import type { Accepted } from '../../core/api/common.ts';
import type { RestoreSnapshotRequest } from '../../core/api/snapshots.ts';
import { DrayageError } from '../../core/cause.ts';
import { classCauses } from '../../core/checkCompatibility.ts';
import type { Demand } from '../../core/choosePlacement.ts';
import { demandOf, demandOfMove } from '../../core/demand.ts';
import { deviceClass } from '../../core/deviceClass.ts';
import { refusePorts } from '../../core/publishedPorts.ts';
import { addressCauses, type SnapshotContent } from '../../core/snapshot.ts';
import type { Scope } from '../../core/tenancy.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import { createCompute } from '../../db/computes.ts';
import { type DeviceRow, getDevice } from '../../db/devices.ts';
import { imageInScope, type ImageWithBlob } from '../../db/images.ts';
import { placing } from '../../db/planning/claims.ts';
import { snapshotInScope, type SnapshotRecord } from '../../db/snapshots.ts';
import { startMaking } from '../computes/operate.ts';
import { type ApiContext, freshId } from '../context.ts';
import { chooseDevice, requireDevice, requireNone } from '../placement.ts';
import { reservedPorts } from '../reservedPorts.ts';

/**
 * Makes a compute of a snapshot, on a device that can take it; the one that the snapshot is of is not touched. Once it is
 * recorded it will be restored: when Temporal is away, when that is back.
 * @throws DrayageError unknownSnapshot, snapshotNotReady, snapshotImageGone, unknownDevice, nameTaken, noAddress,
 * boundToAddress, portReserved, portTaken, tooManyPorts, quotaExceeded, quotaNeedsLimit, what speaks against the device
 */
export async function restoreSnapshot(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  { name, device, ports }: RestoreSnapshotRequest,
  actor: string,
): Promise<Accepted> {
  const { db, config } = context;
  const row = await snapshotInScope(db, scope, idOrName);
  const content = requireReady(row);
  const image = await imageOf(context, row);
  requireNone(refusePorts(ports, await reservedPorts(context)));
  const { address: before, ...spec } = row.spec;
  const made = await placing(db, async (tx) => {
    const deviceId = await deviceFor({ db: tx, config }, row, restoreDemand(row, content, image), device);
    return createCompute(tx, {
      ...{ tenantId: row.tenantId, deviceId, range: config.addresses, ports, actor },
      spec: {
        ...{ ...spec, name, id: freshId('compute'), group: freshId('group') },
        image: { id: image.id, digest: image.digest },
      },
      restores: {
        ...{ snapshot: row.id, name: row.name, ip: before.ip },
        against: (ip) => addressCauses(content, before.ip, ip),
      },
    });
  });
  const runId = (await startMaking(context, made)) ?? '';
  return { id: made.id, workflowId: workflowIdOf(made), runId };
}

function requireReady({ name, state, reason, content }: SnapshotRecord): SnapshotContent {
  if (content !== null) return content;
  throw new DrayageError({
    code: 'snapshotNotReady',
    message:
      state === 'failed' ? `The snapshot ${name} failed: ${reason}` : `The snapshot ${name} is being made.`,
    mend: state === 'failed' ? 'Make another one.' : 'Wait until it is ready.',
  });
}

/** The tenant's image of that content, under whatever name it is there now. */
async function imageOf({ db }: ApiContext, { name, tenantId, spec }: SnapshotRecord): Promise<ImageWithBlob> {
  try {
    return await imageInScope(db, { tenantId, everywhere: false }, spec.image.digest);
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error;
    throw new DrayageError({
      code: 'snapshotImageGone',
      message: `The image that the snapshot ${name} needs is not here: ${spec.image.digest}.`,
      mend: 'Import that image first, with `drayage image import` or `drayage image pull`.',
    });
  }
}

/** As a move needs it: its images and its restored memory lie side by side for a moment. */
function restoreDemand(row: SnapshotRecord, content: SnapshotContent, { blob }: ImageWithBlob): Demand {
  const demand = demandOf({ tenantId: row.tenantId, spec: row.spec, imageBytes: blob.bytes });
  return demandOfMove({ ...demand, diskBytes: demand.diskBytes + row.bytes }, content.memoryBytes);
}

/** The device that was named, if it can take it, or the one that suits best. */
async function deviceFor(
  context: Pick<ApiContext, 'db' | 'config'>,
  row: SnapshotRecord,
  demand: Demand,
  named: string | undefined,
): Promise<string> {
  const against = ({ inventory }: DeviceRow) => classCauses(row.class, deviceClass(inventory));
  if (named === undefined) return (await chooseDevice(context, demand, { against })).device.id;
  const given = await getDevice(context.db, named);
  await requireDevice(context.db, given, demand);
  requireNone(against(given));
  return given.id;
}
