import type { EvacuateRequest, EvacuationPlanView, RebalanceRequest } from '../../core/api/evacuations.ts';
import { DrayageError } from '../../core/cause.ts';
import type { Database } from '../../db/database.ts';
import { type EvacuationRow, evacuationToReturn, setEvacuationRun } from '../../db/evacuations.ts';
import { addEvent } from '../../db/events.ts';
import { placing } from '../../db/planning/claims.ts';
import {
  beginEvacuation,
  type BeginOptions,
  beginRebalance,
  beginReturn,
  type Begun,
} from '../../db/planning/begin.ts';
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

/** Cordons a device and moves everything off it. @throws DrayageError as beginEvacuation */
export function startEvacuation(
  context: ApiContext,
  device: string,
  request: EvacuateRequest,
  actor: string,
): Promise<StartedEvacuation> {
  return start(context, request, actor, (tx, options) => beginEvacuation(tx, device, request, options));
}

/**
 * The same, asked for by the device itself, which its events say, with `why` in words.
 * @throws DrayageError as beginEvacuation
 */
export function startOwnEvacuation(
  context: ApiContext,
  device: string,
  request: EvacuateRequest,
  { cause, why }: { cause: string; why: string },
): Promise<StartedEvacuation> {
  return start(context, request, device, async (tx, options) => {
    const begun = await beginEvacuation(tx, device, request, options);
    await addEvent(tx, {
      type: 'evacuation.asked',
      subject: begun.row.id,
      actor: device,
      message: `The device itself asks to be emptied: ${why}.`,
      data: { device, cause },
    });
    return begun;
  });
}

/** Brings what an evacuation has moved back to its device. @throws DrayageError as beginReturn */
export function startReturn(
  context: ApiContext,
  id: string,
  request: Pick<EvacuateRequest, 'caps' | 'dryRun'>,
  actor: string,
): Promise<StartedEvacuation> {
  return start(context, request, actor, (tx, options) => beginReturn(tx, id, request, options));
}

/** Moves what pays to be moved. @throws DrayageError as beginRebalance */
export function startRebalance(
  context: ApiContext,
  request: RebalanceRequest,
  actor: string,
): Promise<StartedEvacuation> {
  return start(context, request, actor, (tx, options) =>
    beginRebalance(tx, request, options, request.dryRun),
  );
}

/** Records it with its plan, all or nothing, and starts its workflow; of a dry run nothing is recorded. */
async function start(
  context: ApiContext,
  { dryRun }: { dryRun: boolean },
  actor: string,
  begin: (tx: Database, options: BeginOptions) => Promise<Begun>,
): Promise<StartedEvacuation> {
  const { db, config } = context;
  const options = { id: freshId('evacuation'), strategy: config.placement, actor };
  try {
    const { row, plan } = await placing(db, async (tx) => {
      const begun = await begin(tx, options);
      const planned = await planView(tx, begun.row, begun.reason);
      if (dryRun) throw new DryRun(planned);
      return { row: begun.row, plan: planned };
    });
    return { row, plan, runId: (await launchEvacuation(context, row)) ?? '' };
  } catch (error) {
    if (error instanceof DryRun) return { row: null, runId: '', plan: error.plan };
    throw error;
  }
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
