import type { ComputeTarget } from '../../core/api/computes.ts';
import { deviceCauses } from '../../core/choosePlacement.ts';
import { demandOfGroup } from '../../core/demand.ts';
import { predictMove } from '../../core/predictMove.ts';
import type { Scope } from '../../core/tenancy.ts';
import { computeInScope, computesOfGroup } from '../../db/computes.ts';
import { allDevices, getDevice } from '../../db/devices.ts';
import { linkSpeeds, memoryInUse, pastMoves } from '../../db/moveHistory.ts';
import { readCandidates } from '../../db/planning/candidates.ts';
import { causesAgainstMove } from '../computes/view.ts';
import type { ApiContext } from '../context.ts';
import { againstMoving } from '../placement.ts';

/**
 * Every other device, whether a compute could move there now, and what that would cost; what forbids to move it at all is
 * said of each. @throws DrayageError unknownCompute
 */
export async function targetsOf(
  { db }: ApiContext,
  scope: Scope,
  idOrName: string,
): Promise<ComputeTarget[]> {
  const compute = await computeInScope(db, scope, idOrName);
  const group = await computesOfGroup(db, compute.groupId);
  const source = await getDevice(db, compute.placement?.deviceId ?? '');
  const demand = demandOfGroup(group);
  const [devices, past, speeds, memoryBytes] = await Promise.all([
    allDevices(db),
    pastMoves(db, compute.groupId),
    linkSpeeds(db, source.id),
    memoryInUse(
      db,
      group.map(({ id }) => id),
    ),
  ]);
  const whole = causesAgainstMove(compute);
  const others = devices.filter(({ id }) => id !== source.id);
  const candidates = await readCandidates(db, others, { against: againstMoving(source) });
  return candidates.map((device) => {
    const causes = [...whole, ...deviceCauses(device, demand)];
    const { reason, ...predicted } = predictMove({ past, memoryBytes, link: linkTo(device.id) });
    return {
      device: { id: device.id, name: device.name },
      ...{ ok: causes.length === 0, causes },
      predicted: causes.length === 0 ? predicted : null,
      predictedFrom: causes.length === 0 ? reason : null,
    };
  });

  function linkTo(device: string) {
    const own = speeds.get(device);
    if (own !== undefined) return { bytesPerSecond: own, between: 'these' as const };
    if (speeds.size === 0) return null;
    return { bytesPerSecond: Math.min(...speeds.values()), between: 'others' as const };
  }
}
