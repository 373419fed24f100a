import { DrayageError } from '../../core/cause.ts';
import type { EvacuateRequest, RebalanceRequest } from '../../core/api/evacuations.ts';
import type { PlacementStrategy } from '../../core/choosePlacement.ts';
import { type Caps, DEFAULT_CAPS, EvacuationKind } from '../../core/evacuation.ts';
import type { Database } from '../database.ts';
import { type DeviceRow, getDevice, setDeviceState } from '../devices.ts';
import {
  createEvacuation,
  type EvacuationRow,
  getEvacuation,
  type NewEvacuation,
  setReturned,
} from '../evacuations.ts';
import { addItems, movedAway, type NewItem } from './items.ts';
import { planOpen } from './openPlan.ts';
import { rebalancePlan } from './rebalance.ts';
import { takeNote } from './step.ts';

/** For whom, and under which id; nothing of that is in the request. */
export interface BeginOptions {
  id: string;
  strategy: PlacementStrategy;
  actor: string | undefined;
}

export interface Begun {
  row: EvacuationRow;
  /** One sentence: what it is going to do. */
  reason: string;
}

type Common = { caps: Partial<Record<keyof Caps, number | undefined>> } & NewEvacuation['options'];

/**
 * Records that a device is emptied, with the plan; its workflow is to be started then. Call it, and the other two, in `placing`.
 * @throws DrayageError unknownDevice, deviceState, deviceUnreachable, evacuationRunning
 */
export async function beginEvacuation(
  tx: Database,
  device: string,
  request: Omit<EvacuateRequest, 'dryRun'>,
  options: BeginOptions,
): Promise<Begun> {
  const row = await getDevice(tx, device);
  requireAnswers(row);
  await setDeviceState(tx, row.id, ['ready', 'cordoned', 'drained'], 'draining', options.actor);
  const { policy, deadlineSeconds, returnHome } = request;
  const values = { kind: EvacuationKind.evacuate, deviceId: row.id, policy, deadlineSeconds, returnHome };
  return begin(tx, options, request, values, [], `${row.name} is going to be emptied.`);
}

/**
 * Records that what an evacuation has moved comes back to its device.
 * @throws DrayageError unknownEvacuation, deviceState, deviceUnreachable, nothingToReturn, evacuationRunning
 */
export async function beginReturn(
  tx: Database,
  evacuation: string,
  request: Common,
  options: BeginOptions,
): Promise<Begun> {
  const before = await getEvacuation(tx, evacuation);
  if (before.kind !== EvacuationKind.evacuate || before.deviceId === null) throw noReturn(evacuation);
  const device = await getDevice(tx, before.deviceId);
  requireAnswers(device);
  if (device.state !== 'ready') throw notReady(device);
  const groups = await movedAway(tx, before);
  if (groups.length === 0) throw noReturn(evacuation);
  await setReturned(tx, evacuation);
  const items = groups.map((group) => ({ ...group, onlyId: device.id }));
  const values = {
    ...{ kind: EvacuationKind.return, deviceId: device.id, returnsId: evacuation, policy: 'leave' as const },
  };
  return begin(tx, options, request, values, items, `What had left ${device.name} comes back.`);
}

/** Records moves that pay; `empty`: also when there is none. @throws DrayageError nothingToGain, evacuationRunning */
export async function beginRebalance(
  tx: Database,
  request: Omit<RebalanceRequest, 'dryRun'>,
  options: BeginOptions,
  empty = false,
): Promise<Begun> {
  const { moves, reason } = await rebalancePlan(tx, request.mostPerHour);
  if (moves.length === 0 && !empty)
    throw new DrayageError({ code: 'nothingToGain', message: reason, mend: 'Nothing has to be done.' });
  const items = moves.map(({ unit, target, reason: why }) => ({
    ...{ groupId: unit.id, name: unit.name, sourceId: unit.source, onlyId: target, reason: why },
  }));
  const values = { kind: EvacuationKind.rebalance, deviceId: null, policy: 'leave' as const };
  return begin(tx, options, request, values, items, reason);
}

async function begin(
  tx: Database,
  { id, strategy, actor }: BeginOptions,
  request: Common,
  values: Omit<NewEvacuation, 'id' | 'caps' | 'options' | 'actor'>,
  items: NewItem[],
  reason: string,
): Promise<Begun> {
  const { maxDowntimeMs, bandwidthMbit, allowThrottle, endSessions } = request;
  const caps = { ...DEFAULT_CAPS, ...defined(request.caps) };
  const options = { maxDowntimeMs, bandwidthMbit, allowThrottle, endSessions };
  const row = await createEvacuation(tx, { ...values, id, caps, options, actor });
  await addItems(tx, id, items);
  await takeNote(tx, row);
  await planOpen(tx, strategy);
  return { row: await getEvacuation(tx, id), reason };
}

/** Without what is not given. */
function defined(caps: Common['caps']): Partial<Caps> {
  return Object.fromEntries(Object.entries(caps).filter(([, value]) => value !== undefined));
}

function requireAnswers(row: DeviceRow): void {
  if (row.unreachableAt === null) return;
  throw new DrayageError({
    code: 'deviceUnreachable',
    message: `Device ${row.name} does not answer.`,
    mend: 'Look at the device and its network; only what runs on a device that answers can be moved.',
  });
}

function notReady(row: DeviceRow): DrayageError {
  return new DrayageError({
    code: 'deviceState',
    message: `Device ${row.name} is ${row.state}; nothing is placed on it.`,
    mend: `Uncordon it first with \`drayage device uncordon ${row.name}\`.`,
  });
}

function noReturn(id: string): DrayageError {
  return new DrayageError({
    code: 'nothingToReturn',
    message: `Nothing that ${id} has moved away is elsewhere now.`,
    mend: 'Look at it with `drayage evacuation show`; move single computes with `drayage migrate`.',
  });
}
