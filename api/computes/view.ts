import type { ComputeView } from '../../core/api/computes.ts';
import type { Cause } from '../../core/cause.ts';
import { demandOf } from '../../core/demand.ts';
import { movableCauses } from '../../core/movableCauses.ts';
import { DEFAULT_PIDS } from '../../core/compute.ts';
import { lastUpdateSchema } from '../../core/observed.ts';
import { type Fleet, targetCauses } from '../../core/targetCauses.ts';
import type { ComputeRecord } from '../../db/computes.ts';

/** What forbids to move it, with all that moves with it, wherever to. */
export function causesAgainstMove(row: ComputeRecord): Cause[] {
  return [...movableCauses(row), ...idleCauses(row)];
}

/** A group moves as one: each of its computes has to run. */
function idleCauses({ idleOthers, groupName }: ComputeRecord): Cause[] {
  return idleOthers.map((name) => ({
    code: 'notRunning',
    message: `Compute ${name} of group ${groupName ?? ''}, which moves with it, does not run.`,
    mend: `Start it first with \`drayage compute start ${name}\`.`,
  }));
}

/** What forbids to move a compute to any of the devices that there are. */
function unmovable(row: ComputeRecord, fleet: Fleet): Cause[] {
  const causes = causesAgainstMove(row);
  if (causes.length > 0 || row.placement === null) return causes;
  return targetCauses(row.placement, demandOf(row), fleet);
}

export function computeView(row: ComputeRecord, fleet: Fleet): ComputeView {
  const { spec, placement } = row;
  const causes = unmovable(row, fleet);
  return {
    id: row.id,
    name: row.name,
    tenant: { id: row.tenantId, name: row.tenantName },
    image: { id: spec.image.id, name: row.imageName ?? spec.image.digest },
    device: { id: placement?.deviceId ?? '', name: placement?.deviceName ?? '' },
    state: row.state,
    reason: row.reason,
    causes: row.causes,
    desired: row.desired,
    observed: {
      ...(row.observed ?? { state: 'unknown', limits: null }),
      at: placement?.heardAt?.toISOString() ?? null,
    },
    lastUpdate: row.lastUpdate && lastUpdateSchema.parse(row.lastUpdate),
    ip: spec.address.ip,
    mac: spec.address.mac,
    ports: row.ports,
    epoch: placement?.epoch ?? 0,
    movable: { ok: causes.length === 0, causes },
    group: row.groupId,
    groupName: row.groupName,
    command: spec.command,
    env: spec.env,
    memoryBytes: spec.memoryBytes,
    cpus: spec.cpus,
    pids: spec.pids ?? DEFAULT_PIDS,
    capabilities: spec.capabilities,
    labels: spec.labels,
    volumes: spec.volumes,
    tmpfs: spec.tmpfs,
    constraints: spec.constraints,
    apart: spec.apart,
    restartPolicy: spec.restartPolicy,
    protection: spec.protection,
    checkpoint: row.checkpoint && {
      ...row.checkpoint,
      takenAt: new Date(row.checkpoint.takenAt).toISOString(),
    },
    healthCheck: spec.healthCheck,
    health: row.health,
    exitCode: row.exitCode,
    lastExit: row.lastExit,
    restarts: row.restarts,
    createdAt: row.createdAt.toISOString(),
  };
}
