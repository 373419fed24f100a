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
import type { PrepareInput, TransferInput } from '../activities/device/migration.ts';
import type { Cause } from '../core/cause.ts';
import { checkCompatibility } from '../core/checkCompatibility.ts';
import type { MigrationState } from '../core/migration.ts';
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
  const { migrationId, computes, source, target } = input;
  const control = controlActivities();
  const onSource = deviceActivities(source);
  const onTarget = deviceActivities(target);
  const toTarget: PrepareInput = { migration: migrationId, computes, peer: target };
  const toSource: PrepareInput = { migration: migrationId, computes, peer: source };

  await state(input, 'preflight', 'Checking whether the computes can run on the target.');
  const inventories = await control.inventories(source, target);
  const { usage, descriptors } = await onSource('inspect the computes').inspectSource(computes);
  const fit = checkCompatibility(inventories.source, inventories.target, usage);
  if (fit.action === 'refuse')
    return { state: 'refused', reason: fit.reason, causes: fit.causes, frozenMs: null, wireBytes: 0 };

  await state(input, 'preparing', 'Preparing the target and copying files while the compute runs.');
  let transfer: TransferInput | null = null;
  undo.register('clear the target', () =>
    onTarget('clear the target').discardTarget(toSource, transfer && { ...transfer, peer: source }),
  );
  undo.register('clear the source', () => onSource('forget the copied files').forgetFiles(migrationId));
  await onTarget('image, network, container').prepareTarget(toSource);
  const synced = await onSource('copy files and log').syncFiles(toTarget);

  // Pre-copy rounds of the memory have their place here; in this version it is copied once, in the freeze.

  await state(input, 'switching', 'Switching over.');
  const id = uuid4().replaceAll('-', '');
  const opened: TransferInput = {
    transfer: id,
    migration: migrationId,
    group: input.group,
    epoch: input.epoch + 1,
    computes,
    peer: target,
  };
  transfer = opened;
  await control.openTransfer({ id, migrationId, group: input.group, source, target, epoch: opened.epoch });
  undo.register('close the transfer', () => control.closeTransfer(id, 'thawed'));
  await onTarget('start what the hot window needs').armTarget({ ...opened, peer: source }, descriptors);

  abort.close();
  const switched = await switchOver(opened, source, target);
  await control.recordPhases(migrationId, switched.phases);
  const figures = { frozenMs: switched.frozenMs, wireBytes: switched.wireBytes + synced.bytes };
  if (switched.owner === 'source') {
    await undo.run();
    return {
      state: switched.frozen ? 'rolledBack' : 'failed',
      reason: switched.reason,
      causes: switched.causes,
      ...figures,
    };
  }

  undo.forget();
  await control.closeTransfer(id, 'owner');
  await state(input, 'releasing', 'The compute runs on the target; the source is being cleared.');
  const owed = await release(input, toTarget, switched);
  return { state: 'succeeded', reason: owed, causes: [], ...figures };
}

/** Clears both devices of what the move needed. A source that is away does not keep the migration from its end. */
async function release(
  input: MigrateComputeInput,
  toTarget: PrepareInput,
  switched: Switched,
): Promise<string> {
  const away = 'Moved. The source was not reached; it clears its copy when it is back.';
  if (!switched.sourceKnows) return away;
  const released = CancellationScope.cancellable(async () => {
    await Promise.all([
      deviceActivities(input.source)('clear the source').releaseSource(toTarget),
      deviceActivities(input.target)('forget the copied files').forgetFiles(input.migrationId),
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
