import type { ComputeTarget } from '../../core/api/computes.ts';
import { deviceCauses } from '../../core/choosePlacement.ts';
import { demandOfGroup } from '../../core/demand.ts';
import { linkTo, predictMove } from '../../core/predictMove.ts';
import type { Scope } from '../../core/tenancy.ts';
import { computeInScope, computesOfGroup } from '../../db/computes.ts';
import { allDevices, type DeviceRow, getDevice } from '../../db/devices.ts';
import { linkSpeeds, memoryOf, memorySamples, pastMovesOf } from '../../db/moveHistory.ts';
import { readCandidates } from '../../db/planning/candidates.ts';
import { betweenDevices } from '../../db/planning/world.ts';
import { causesAgainstMove } from '../computes/view.ts';
import type { ApiContext } from '../context.ts';

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
  const ids = group.map(({ id }) => id);
  const [devices, moves, speeds, samples] = await Promise.all([
    allDevices(db),
    pastMovesOf(db, [compute.groupId]),
    linkSpeeds(db, source.id),
    memorySamples(db, ids),
  ]);
  const past = moves.get(compute.groupId) ?? [];
  const memoryBytes = memoryOf(samples, ids);
  const whole = causesAgainstMove(compute);
  const others = devices.filter(({ id }) => id !== source.id);
  const between = betweenDevices(devices);
  const against = ({ id }: DeviceRow) => between(source.id, id);
  const candidates = await readCandidates(db, others, { against });
  return candidates.map((device) => {
    const causes = [...whole, ...deviceCauses(device, demand)];
    const { reason, ...predicted } = predictMove({ past, memoryBytes, link: linkTo(speeds, device.id) });
    return {
      device: { id: device.id, name: device.name },
      ...{ ok: causes.length === 0, causes },
      predicted: causes.length === 0 ? predicted : null,
      predictedFrom: causes.length === 0 ? reason : null,
    };
  });
}
