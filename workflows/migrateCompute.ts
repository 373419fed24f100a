import {
  CancellationScope,
  condition,
  defineUpdate,
  isCancellation,
  setHandler,
  sleep,
  upsertSearchAttributes,
  uuid4,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { causeOf } from './causeOf.ts';
import type { TransferInput } from '../core/moveInput.ts';
import type { Cause } from '../core/cause.ts';
import { checkCompatibility } from '../core/checkCompatibility.ts';
import type { MigrationState, PhaseName } from '../core/migration.ts';
import { controlActivities, deviceActivities } from './activityProxies.ts';
import { ABORT_UPDATE, SearchAttribute, type AbortAnswer, type MigrateComputeInput } from './contract.ts';
import { switchOver, type Switched } from './switchOver.ts';
import { Undo } from './undo.ts';

const abortUpdate = defineUpdate<AbortAnswer, []>(ABORT_UPDATE);

/** How long a source that is away is waited for with its release; afterwards it owes it, and does it when it is back. */
const RELEASE_GRACE = '60 seconds';

interface End {
  state: Extract<MigrationState, 'succeeded' | 'aborted' | 'rolledBack' | 'failed' | 'refused'>;
  reason: string;
  causes: Cause[];
  frozenMs: number | null;
  wireBytes: number;
}

/**
 * Moves a group of computes from one device to another: preflight, prepare, (pre-copy,) arm, hot window, release.
 * Every step before the freeze is undone when a later one fails; from the freeze on, the ownership protocol of the two
 * devices decides, and this workflow records what they decided.
 */
export async function migrateCompute(input: MigrateComputeInput): Promise<End> {
  const startedAt = Date.now();
  const control = controlActivities();
  const abort = abortable();
  const undo = new Undo();
  await setComputes(input, 'migrating');
  let end: End;
  try {
    end = await abort.scope.run(() => move(input, undo, abort));
  } catch (error) {
    await undo.run();
    end = failedBefore(error, abort.requested);
  }
  await CancellationScope.nonCancellable(async () => {
    await setComputes(input, 'running', end.state === 'succeeded' ? '' : undefined);
    upsertSearchAttributes([
      { key: defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD'), value: end.state },
    ]);
    await control.finishMigration({
      migrationId: input.migrationId,
      ...end,
      totalMs: Date.now() - startedAt,
    });
  });
  return end;
}

async function move(input: MigrateComputeInput, undo: Undo, abort: Abortable): Promise<End> {
  const checked = await timed(input, 'preflight', () => preflight(input));
  if ('state' in checked) return checked;
  const transfer = newTransfer(input);
  const synced = await timed(input, 'prepare', () => prepare(input, transfer, undo));
  // Pre-copy rounds of the memory have their place here; in this version it is copied once, in the freeze.
  await timed(input, 'arm', () => arm(input, transfer, checked.descriptors, undo));
  abort.close();
  const switched = await switchOver(transfer, input.source, input.target);
  await controlActivities().recordPhases(input.migrationId, switched.phases);
  const figures = { frozenMs: switched.frozenMs, wireBytes: switched.wireBytes + synced.bytes };
  if (switched.owner === 'source') {
    await timed(input, 'rollback', () => undo.run());
    const { reason, causes } = switched;
    return { state: switched.frozen ? 'rolledBack' : 'failed', reason, causes, ...figures };
  }
  undo.forget();
  await controlActivities().closeTransfer(transfer.transfer, 'owner');
  const reason = await timed(input, 'release', () => release(input, switched));
  return { state: 'succeeded', reason, causes: [], ...figures };
}

/** Whether the computes can run on the target; if so, what a restore must know before the dump. */
async function preflight(
  input: MigrateComputeInput,
): Promise<End | { descriptors: Record<string, string[]> }> {
  await state(input, 'preflight', 'Checking whether the computes can run on the target.');
  const inventories = await controlActivities().inventories(input.source, input.target);
  const inspect = deviceActivities(input.source)('inspect the computes');
  const { usage, descriptors } = await inspect.inspectSource(input.computes);
  const fit = checkCompatibility(inventories.source, inventories.target, usage);
  if (fit.action === 'proceed') return { descriptors };
  return { state: 'refused', reason: fit.reason, causes: fit.causes, frozenMs: null, wireBytes: 0 };
}

async function prepare(
  input: MigrateComputeInput,
  transfer: TransferInput,
  undo: Undo,
): Promise<{ bytes: number }> {
  await state(input, 'preparing', 'Preparing the target and copying files while the compute runs.');
  const onSource = deviceActivities(input.source);
  const onTarget = deviceActivities(input.target);
  const seenByTarget = { ...transfer, peer: input.source };
  undo.register('clear the target', () => onTarget('clear the target').discardTarget(seenByTarget));
  undo.register('clear the source', () => onSource('forget the copied files').forgetFiles(input.migrationId));
  await onTarget('image, network, container').prepareTarget(seenByTarget);
  return onSource('copy files and log').syncFiles(transfer);
}

async function arm(
  input: MigrateComputeInput,
  transfer: TransferInput,
  descriptors: Record<string, string[]>,
  undo: Undo,
): Promise<void> {
  await state(input, 'switching', 'Switching over.');
  const { migrationId, group, source, target } = input;
  const { transfer: id, epoch } = transfer;
  await controlActivities().openTransfer({ id, migrationId, group, source, target, epoch });
  undo.register('close the transfer', () => controlActivities().closeTransfer(id, 'thawed'));
  const onTarget = deviceActivities(target)('start what the hot window needs');
  await onTarget.armTarget({ ...transfer, peer: source }, descriptors);
}

/** As the source sees it; its id is random, new for every freeze. */
function newTransfer({ migrationId, group, computes, target, epoch }: MigrateComputeInput): TransferInput {
  const transfer = uuid4().replaceAll('-', '');
  return { transfer, migration: migrationId, group, epoch: epoch + 1, computes, peer: target };
}

/** Records how long a step took that is not of the hot window; one that fails is recorded too. */
async function timed<T>(
  { migrationId }: MigrateComputeInput,
  name: PhaseName,
  step: () => Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  try {
    return await step();
  } finally {
    const phase = { name, startedAt: new Date(startedAt).toISOString(), ms: Date.now() - startedAt };
    await CancellationScope.nonCancellable(() => controlActivities().recordPhases(migrationId, [phase]));
  }
}

/** Clears both devices of what the move needed. A source that is away does not keep the migration from its end. */
async function release(input: MigrateComputeInput, switched: Switched): Promise<string> {
  await state(input, 'releasing', 'The compute runs on the target; the source is being cleared.');
  const { migrationId, computes, source, target } = input;
  const away = 'Moved. The source was not reached; it clears its copy when it is back.';
  if (!switched.sourceKnows) return away;
  const released = CancellationScope.cancellable(async () => {
    await Promise.all([
      deviceActivities(source)('clear the source').releaseSource({ migration: migrationId, computes }),
      deviceActivities(target)('forget the copied files').forgetFiles(migrationId),
    ]);
    return 'Moved; clients kept their connections.';
  });
  return Promise.race([released, sleep(RELEASE_GRACE).then(() => away)]);
}

interface Abortable {
  scope: CancellationScope;
  readonly requested: boolean;
  /** From here an abort comes too late. */
  close(): void;
}

/** Lets a person stop the move as long as nothing is frozen. */
function abortable(): Abortable {
  const scope = new CancellationScope({ cancellable: true });
  let requested = false;
  let open = true;
  setHandler(abortUpdate, async () => {
    if (!open)
      return {
        accepted: false,
        reason: 'The switch is under way; it ends within moments, on one side or the other.',
      };
    requested = true;
    scope.cancel();
    await condition(() => true);
    return { accepted: true, reason: 'The move is stopped; the compute was not touched.' };
  });
  return {
    scope,
    get requested() {
      return requested;
    },
    close: () => (open = false),
  };
}

function failedBefore(error: unknown, aborted: boolean): End {
  const none = { frozenMs: null, wireBytes: 0 };
  if (aborted || isCancellation(error))
    return { state: 'aborted', reason: 'Stopped on request before the switch.', causes: [], ...none };
  const cause = causeOf(error);
  return { state: 'failed', reason: cause.message, causes: [cause], ...none };
}

async function state(
  { migrationId }: MigrateComputeInput,
  name: MigrationState,
  reason: string,
): Promise<void> {
  await controlActivities().setMigrationState(migrationId, name, reason);
}

async function setComputes(
  { computes }: MigrateComputeInput,
  name: 'migrating' | 'running',
  reason?: string,
): Promise<void> {
  for (const { id } of computes) await controlActivities().setComputeState(id, name, reason);
}
