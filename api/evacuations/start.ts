import type { EvacuateRequest, EvacuationPlanView, RebalanceRequest } from '../../core/api/evacuations.ts';
import { DrayageError } from '../../core/cause.ts';
import { DEFAULT_CAPS, EvacuationKind } from '../../core/evacuation.ts';
import type { Database } from '../../db/database.ts';
import { type DeviceRow, getDevice, setDeviceState } from '../../db/devices.ts';
import {
  createEvacuation,
  type EvacuationRow,
  evacuationToReturn,
  getEvacuation,
  type NewEvacuation,
  setEvacuationRun,
  setReturned,
} from '../../db/evacuations.ts';
import { lockPlacing } from '../../db/planning/claims.ts';
import { addItems, movedAway } from '../../db/planning/items.ts';
import { planOpen } from '../../db/planning/openPlan.ts';
import { rebalancePlan } from '../../db/planning/rebalance.ts';
import { takeNote } from '../../db/planning/step.ts';
import { isTemporalAway } from '../computes/operate.ts';
import { type ApiContext, freshId } from '../context.ts';
import { planView } from './view.ts';

export interface StartedEvacuation {
  /** Null of a dry run, of which nothing is left. */
  row: EvacuationRow | null;
  runId: string;
  plan: EvacuationPlanView;
}

/** Ends a transaction whose result is wanted, and whose changes are not. */
class DryRun extends Error {
  readonly plan: EvacuationPlanView;

  constructor(plan: EvacuationPlanView) {
    super('a dry run');
    this.plan = plan;
  }
}

/** What an evacuation needs besides what the request says. */
type Fill = (
  tx: Database,
) => Promise<{ values: Omit<NewEvacuation, 'id' | 'caps' | 'options' | 'actor'>; reason: string }>;

/**
 * Cordons a device and moves everything off it. @throws DrayageError unknownDevice, deviceState, deviceUnreachable,
 * evacuationRunning
 */
export function startEvacuation(
  context: ApiContext,
  device: string,
  request: EvacuateRequest,
  actor: string,
): Promise<StartedEvacuation> {
  const { deadlineSeconds, policy, returnHome } = request;
  return start(context, request, actor, async (tx) => {
    const row = await getDevice(tx, device);
    requireAnswers(row);
    await setDeviceState(tx, row.id, ['ready', 'cordoned', 'drained'], 'draining', actor);
    return {
      values: { kind: EvacuationKind.evacuate, deviceId: row.id, policy, deadlineSeconds, returnHome },
      reason: `${row.name} is going to be emptied.`,
    };
  });
}

/**
 * Brings what an evacuation has moved back to its device. @throws DrayageError unknownEvacuation, deviceState,
 * deviceUnreachable, nothingToReturn, evacuationRunning
 */
export function startReturn(
  context: ApiContext,
  id: string,
  request: Pick<EvacuateRequest, 'caps' | 'dryRun'>,
  actor: string,
): Promise<StartedEvacuation> {
  return start(context, request, actor, async (tx, insert) => {
    const before = await getEvacuation(tx, id);
    if (before.kind !== EvacuationKind.evacuate || before.deviceId === null) throw noReturn(id);
    const device = await getDevice(tx, before.deviceId);
    requireAnswers(device);
    if (device.state !== 'ready') throw notReady(device);
    const groups = await movedAway(tx, before);
    if (groups.length === 0) throw noReturn(id);
    await setReturned(tx, id);
    insert(groups.map((group) => ({ ...group, onlyId: device.id })));
    return {
      values: { kind: EvacuationKind.return, deviceId: device.id, returnsId: id, policy: 'leave' },
      reason: `What had left ${device.name} comes back.`,
    };
  });
}

/** Moves what pays to be moved. @throws DrayageError nothingToGain, evacuationRunning */
export function startRebalance(
  context: ApiContext,
  request: RebalanceRequest,
  actor: string,
): Promise<StartedEvacuation> {
  return start(context, request, actor, async (tx, insert) => {
    const { moves, reason } = await rebalancePlan(tx, request.mostPerHour);
    if (moves.length === 0 && !request.dryRun) {
      throw new DrayageError({ code: 'nothingToGain', message: reason, mend: 'Nothing has to be done.' });
    }
    insert(
      moves.map(({ unit, target, reason: why }) => ({
        ...{ groupId: unit.id, name: unit.name, sourceId: unit.source, onlyId: target, reason: why },
      })),
    );
    return { values: { kind: EvacuationKind.rebalance, deviceId: null, policy: 'leave' }, reason };
  });
}

type Item = Parameters<typeof addItems>[2][number];

/** Records it with its plan, all or nothing, and starts its workflow; of a dry run nothing is recorded. */
async function start(
  context: ApiContext,
  request: Pick<EvacuateRequest, 'caps' | 'dryRun'> & NewEvacuation['options'],
  actor: string,
  fill: (tx: Database, insert: (items: Item[]) => void) => ReturnType<Fill>,
): Promise<StartedEvacuation> {
  const { db, config } = context;
  const { dryRun, caps, maxDowntimeMs, bandwidthMbit, allowThrottle, endSessions } = request;
  const options = { maxDowntimeMs, bandwidthMbit, allowThrottle, endSessions };
  try {
    const { row, plan } = await db.transaction(async (tx) => {
      await lockPlacing(tx);
      const items: Item[] = [];
      const { values, reason } = await fill(tx, (more) => items.push(...more));
      const made = await createEvacuation(tx, {
        ...values,
        ...{ id: freshId('evacuation'), caps: { ...DEFAULT_CAPS, ...defined(caps) }, options, actor },
      });
      await addItems(tx, made.id, items);
      await takeNote(tx, made);
      await planOpen(tx, config.placement);
      const planned = await planView(tx, await getEvacuation(tx, made.id), reason);
      if (dryRun) throw new DryRun(planned);
      return { row: made, plan: planned };
    });
    return { row, plan, runId: (await launchEvacuation(context, row)) ?? '' };
  } catch (error) {
    if (error instanceof DryRun) return { row: null, runId: '', plan: error.plan };
    throw error;
  }
}

/** Without what is not given. */
function defined(caps: EvacuateRequest['caps']): Partial<typeof DEFAULT_CAPS> {
  return Object.fromEntries(Object.entries(caps).filter(([, value]) => value !== undefined));
}

/** Starts the workflow of an evacuation that was recorded; null when Temporal is away, and it has to be tried again. */
export async function launchEvacuation(context: ApiContext, row: EvacuationRow): Promise<string | null> {
  try {
    const { runId } = await context.workflows.startEvacuation({ evacuationId: row.id }, row.kind);
    await setEvacuationRun(context.db, row.id, runId);
    return runId;
  } catch (error) {
    if (isTemporalAway(error)) return null;
    throw error;
  }
}

/** Begins the return that was asked for with a device's last evacuation, now that the device is back; null when none was. */
export async function returnWhatLeft(
  context: ApiContext,
  deviceId: string,
  actor: string,
): Promise<string | null> {
  const before = await evacuationToReturn(context.db, deviceId);
  if (!before) return null;
  try {
    const { row } = await startReturn(context, before.id, { caps: {}, dryRun: false }, actor);
    return row?.id ?? null;
  } catch (error) {
    if (error instanceof DrayageError && error.cause_.code === 'nothingToReturn') return null;
    throw error;
  }
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
