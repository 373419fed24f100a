import type { MigrateRequest } from '../../core/api/migrations.ts';
import { type Cause, DrayageError } from '../../core/cause.ts';
import { demandOfGroup } from '../../core/demand.ts';
import { movableCauses } from '../../core/movableCauses.ts';
import type { Scope } from '../../core/tenancy.ts';
import { workflowIdOf } from '../../core/workflowId.ts';
import { computeInScope, type ComputeRecord, computesOfGroup, getCompute } from '../../db/computes.ts';
import type { Database } from '../../db/database.ts';
import { type DeviceRow, getDevice } from '../../db/devices.ts';
import {
  countOpenMigrations,
  createMigration,
  moveInputOf,
  type MigrationRow,
  openMigration,
  setMigrationRun,
  setMigrationState,
  waitingMigrations,
} from '../../db/migrationRecords.ts';
import { getPlacement } from '../../db/placements.ts';
import { placing } from '../../db/planning/claims.ts';
import { isTemporalAway, somethingRuns } from '../computes/operate.ts';
import { type ApiContext, freshId } from '../context.ts';
import { chooseDevice, requireDevice, requireNone } from '../placement.ts';

export interface StartedMigration {
  id: string;
  workflowId: string;
  runId: string;
  target: { id: string; name: string };
  reason: string;
}

/**
 * Checks what can be checked at once, records the move and starts its workflow. A move that was recorded will be made:
 * when Temporal is away, it starts when Temporal is back, and when many are under way, once some of them have ended.
 * @throws DrayageError unknownCompute, unknownDevice, sameDevice, notRunning, migrationRunning, and what speaks against
 * source or target
 */
export async function startMigration(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  request: MigrateRequest,
  actor: string,
): Promise<StartedMigration> {
  const { db } = context;
  const compute = await computeInScope(db, scope, idOrName);
  const given = request.target === undefined ? null : await getDevice(db, request.target);
  if (await openMigration(db, compute.groupId)) throw await somethingRuns(context, compute);
  if (given && given.id === compute.placement?.deviceId) throw sameDevice(compute, given.name);
  const group = await computesOfGroup(db, compute.groupId);
  requireNone(group.flatMap(movableCauses));
  const { deviceId: source, epoch } = await getPlacement(db, compute.groupId);
  const own = await getDevice(db, source);
  requireNone(sourceCauses(own));
  const demand = demandOfGroup(group);
  const id = freshId('migration');
  const workflowId = workflowIdOf(compute);
  const { target, reason, waits } = await record(context, compute, async (tx) => {
    // Those that wait count too: nobody overtakes them.
    const waits = (await countOpenMigrations(tx)).open >= context.config.movesAtOnce;
    const chosen = given
      ? { device: await requireDevice(tx, given, demand), reason: `${given.name} was asked for` }
      : await chooseDevice({ ...context, db: tx }, demand, { source: own });
    const { target: _, ...options } = request;
    const whose = { id, group: compute.groupId, compute: compute.id, workflowId, actor };
    const values = { ...whose, ...options, source, target: chosen.device.id, epoch: epoch + 1, waits };
    await createMigration(tx, values);
    return { target: { id: chosen.device.id, name: chosen.device.name }, reason: chosen.reason, waits };
  });
  if (waits) return { id, workflowId, runId: '', target, reason };
  const row = await openMigration(db, compute.groupId);
  const runId = row?.id === id ? await launchMigration(context, row) : null;
  return { id, workflowId, runId: runId ?? '', target, reason };
}

/** Nobody else gives away room while a target is chosen and the move to it recorded. */
async function record<T>(
  context: ApiContext,
  compute: ComputeRecord,
  action: (tx: Database) => Promise<T>,
): Promise<T> {
  try {
    return await placing(context.db, action);
  } catch (error) {
    if (error instanceof DrayageError && error.cause_.code === 'migrationRunning')
      throw await somethingRuns(context, compute);
    throw error;
  }
}

/**
 * Starts the workflow of a move that was recorded; null when Temporal is away, and it has to be tried again. When
 * something else is being done to the compute, the move ends as refused.
 */
export async function launchMigration(context: ApiContext, row: MigrationRow): Promise<string | null> {
  const { db, workflows } = context;
  const computes = (await computesOfGroup(db, row.groupId)).map(({ spec }) => spec);
  try {
    const { runId } = await workflows.startMigration(row, moveInputOf(row, computes));
    await setMigrationRun(db, row.id, runId);
    return runId;
  } catch (error) {
    if (isTemporalAway(error)) return null;
    if (!(error instanceof DrayageError)) throw error;
    await setMigrationState(db, row.id, 'refused', error.cause_.message, [error.cause_]);
    throw await somethingRuns(context, await getCompute(db, row.computeId));
  }
}

/** So long a request may take from recording its move to beginning it, seconds. */
const OWN_BUSINESS_SECONDS = 2;

/** How many more moves may be begun now. */
export async function freeMoves({ db, config }: Pick<ApiContext, 'db' | 'config'>): Promise<number> {
  return Math.max(0, config.movesAtOnce - (await countOpenMigrations(db)).begun);
}

/** Begins as many of the moves that wait as there may be now, in the order in which they were asked for. */
export async function beginWaiting(context: ApiContext): Promise<void> {
  const limit = await freeMoves(context);
  if (limit === 0) return;
  const rows = await waitingMigrations(context.db, { seconds: OWN_BUSINESS_SECONDS, limit });
  await Promise.all(rows.map((row) => beginAgain(context, row)));
}

/** Whether it has begun now. */
export async function beginAgain(context: ApiContext, row: MigrationRow): Promise<boolean> {
  try {
    return (await launchMigration(context, row)) !== null;
  } catch (error) {
    // Its record says by now why it was refused.
    if (!(error instanceof DrayageError)) throw error;
    return false;
  }
}

function sourceCauses(row: DeviceRow): Cause[] {
  if (row.unreachableAt === null) return [];
  return [
    {
      code: 'deviceUnreachable',
      message: `The compute's own device ${row.name} does not answer.`,
      mend: 'Look at the device and its network; move it when it is back.',
    },
  ];
}

function sameDevice(compute: ComputeRecord, device: string): DrayageError {
  return new DrayageError({
    code: 'sameDevice',
    message: `Compute ${compute.name} is on device ${device} already.`,
    mend: 'Name another device; `drayage device ls` shows them.',
  });
}
