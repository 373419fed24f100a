import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  sleep,
  upsertSearchAttributes,
  uuid4,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { Abortable } from './abortable.ts';
import { causeOf } from './causeOf.ts';
import type { SessionOptions, TransferInput } from '../core/moveInput.ts';
import type { Cause } from '../core/cause.ts';
import { checkCompatibility } from '../core/checkCompatibility.ts';
import { DEFAULT_FIXED_FREEZE_MS } from '../core/decideNextRound.ts';
import { ABORT_REQUESTED, type MigrationState } from '../core/migration.ts';
import { controlActivities, deviceActivities } from './activityProxies.ts';
import { SearchAttribute, type MigrateComputeInput } from './contract.ts';
import { openMemory, precopy, type Precopied } from './precopy.ts';
import { Recorder } from './record.ts';
import { switchOver, type Switched } from './switchOver.ts';
import { Undo } from './undo.ts';

/** How long a source that is away is waited for with its release; afterwards it owes it, and does it when it is back. */
const RELEASE_GRACE = '60 seconds';

/** What can stand against a freeze that is still to come. */
const LIMITS = ['downtimeNotMet', 'notConverging', 'targetMemoryFull'];

/** What a move has with it on its way. */
interface Course {
  undo: Undo;
  abort: Abortable;
  recorder: Recorder;
}

interface End {
  state: Extract<MigrationState, 'succeeded' | 'aborted' | 'rolledBack' | 'failed' | 'refused'>;
  reason: string;
  causes: Cause[];
  frozenMs: number | null;
  wireBytes: number;
}

/**
 * Moves a group of computes from one device to another: preflight, prepare, pre-copy, arm, hot window, filling, release.
 * Every step before the freeze is undone when a later one fails; from the freeze on, the ownership protocol of the two
 * devices decides, and this workflow records what they decided.
 */
export async function migrateCompute(input: MigrateComputeInput): Promise<End> {
  const startedAt = Date.now();
  const control = controlActivities();
  const abort = new Abortable();
  const undo = new Undo();
  const recorder = new Recorder(input.migrationId);
  await setComputes(input, 'migrating');
  let end: End;
  try {
    end = await abort.scope.run(() => move(input, { undo, abort, recorder }));
  } catch (error) {
    abort.staying();
    await undo.run();
    end = failedBefore(error, abort.accepted);
  }
  await CancellationScope.nonCancellable(async () => {
    await recorder.done();
    const stopped = end.causes.some(({ code }) => code === 'fillFailed');
    if (!stopped) await setComputes(input, 'running', end.state === 'succeeded' ? '' : undefined);
    upsertSearchAttributes([
      { key: defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD'), value: end.state },
    ]);
    await control.finishMigration({
      migrationId: input.migrationId,
      ...end,
      totalMs: Date.now() - startedAt,
    });
    // Whoever asked to stop it gets an answer before it has ended.
    await condition(allHandlersFinished);
  });
  return end;
}

async function move(input: MigrateComputeInput, { undo, abort, recorder }: Course): Promise<End> {
  const checked = await recorder.timed('preflight', () => preflight(input, recorder));
  if ('state' in checked) return checked;
  const transfer = newTransfer(input);
  const synced = await recorder.timed('prepare', () => prepare(input, transfer, undo, recorder));
  const opened = await openMemory(input, transfer, undo, recorder);
  const arming = once(() => recorder.timed('arm', () => arm(input, transfer, checked.descriptors, undo)));
  const beside = input.dryRun ? () => Promise.resolve() : arming;
  const copied = await recorder.timed('precopy', () =>
    precopy(input, transfer, opened, { undo, recorder, beside }),
  );
  const wireBytes = synced.bytes + copied.wireBytes;
  const { predicted } = copied;
  if (predicted) recorder.write({ kind: 'prediction', predicted });
  if (input.dryRun || copied.causes.length > 0) {
    abort.staying();
    await recorder.timed('rollback', () => undo.run());
    return notSwitched(copied, wireBytes);
  }
  await arming();
  recorder.enter('switching', 'Switching over.');
  abort.switching(input.source, transfer);
  const switched = await switchOver(transfer, input.source, input.target, copied.options);
  if (switched.owner === 'source') abort.staying();
  else abort.moved();
  recordSwitch(recorder, copied, switched);
  const figures = { frozenMs: switched.frozenMs, wireBytes: synced.bytes + switched.wireBytes };
  if (switched.owner === 'source') {
    await recorder.timed('rollback', () => undo.run());
    return { ...takenBack(switched, abort.accepted), ...figures };
  }
  undo.forget();
  await controlActivities().closeTransfer(transfer.transfer, 'owner');
  const trouble = await fill(input, transfer, recorder);
  const reason = await recorder.timed('release', () => release(input, switched, recorder));
  if (trouble) return { state: 'failed', reason: trouble.message, causes: [trouble], ...figures };
  return { state: 'succeeded', reason, causes: [], ...figures };
}

/** A move that ends before its switch: as asked, or because the compute would have to be frozen for too long. */
function notSwitched({ causes, predicted }: Precopied, wireBytes: number): End {
  const [cause] = causes;
  if (cause) return { state: 'aborted', reason: cause.message, causes, frozenMs: null, wireBytes };
  const words = predicted
    ? `A freeze of about ${Math.round(predicted.freezeMs)} ms is expected`
    : `Without pre-copy a freeze of more than ${DEFAULT_FIXED_FREEZE_MS} ms is expected`;
  const reason = `${words}. Nothing was moved (dry run).`;
  return { state: 'succeeded', reason, causes: [], frozenMs: null, wireBytes };
}

/** How a move ends whose computes run on on the source; one that a person has stopped has nothing to be mended. */
function takenBack(
  { frozen, reason, causes: all }: Switched,
  accepted: boolean,
): Pick<End, 'state' | 'reason' | 'causes'> {
  const causes = all.filter(({ code }) => code !== ABORT_REQUESTED);
  // The switch may have ended before the answer came.
  if (accepted || causes.length < all.length)
    return { state: 'aborted', reason: 'Stopped on request before the commit point.', causes };
  return { state: frozen ? 'rolledBack' : unfrozenEnd(causes), reason, causes };
}

/** Nothing has failed when a limit spoke against the freeze. */
function unfrozenEnd([cause]: Cause[]): 'aborted' | 'failed' {
  return cause !== undefined && LIMITS.includes(cause.code) ? 'aborted' : 'failed';
}

function recordSwitch(
  recorder: Recorder,
  { predicted }: Precopied,
  { phases, rounds, predicted: closing }: Switched,
): void {
  recorder.write({ kind: 'phases', phases });
  if (rounds.length > 0) recorder.write({ kind: 'rounds', rounds });
  if (predicted && closing) recorder.write({ kind: 'prediction', predicted: { ...predicted, ...closing } });
}

/** The target resumed before it had all memory mapped: waits until it has. Returns what is wrong, or null. */
async function fill(
  input: MigrateComputeInput,
  transfer: TransferInput,
  recorder: Recorder,
): Promise<Cause | null> {
  const { computes } = input;
  recorder.enter('releasing', 'The compute runs on the target; its memory is being filled in.');
  const { state, reason } = await recorder.timed('filling', () =>
    deviceActivities(input.target)('fill in the memory').awaitFilled({ ...transfer, peer: input.source }),
  );
  if (state !== 'failed') return null;
  const message = `The compute was stopped on the target, for its memory could not be filled in: ${reason}.`;
  for (const { id } of computes) await controlActivities().setComputeState(id, 'failed', message);
  return { code: 'fillFailed', message, mend: 'Stop it and start it again; it then begins from its files.' };
}

/** Whether the computes can run on the target; if so, what a restore must know before the dump. */
async function preflight(
  input: MigrateComputeInput,
  recorder: Recorder,
): Promise<End | { descriptors: Record<string, string[]> }> {
  recorder.enter('preflight', 'Checking whether the computes can run on the target.');
  const inventories = await controlActivities().inventories(input.source, input.target);
  const inspect = deviceActivities(input.source)('inspect the computes');
  const { usage, descriptors } = await inspect.inspectSource(input.computes, sessionOptions(input));
  const fit = checkCompatibility(inventories.source, inventories.target, usage);
  if (fit.action === 'proceed') return { descriptors };
  return { state: 'refused', reason: fit.reason, causes: fit.causes, frozenMs: null, wireBytes: 0 };
}

function sessionOptions({ endSessions }: MigrateComputeInput): SessionOptions {
  return endSessions === true ? { endSessions } : {};
}

async function prepare(
  input: MigrateComputeInput,
  transfer: TransferInput,
  undo: Undo,
  recorder: Recorder,
): Promise<{ bytes: number }> {
  recorder.enter('preparing', 'Preparing the target and copying files while the compute runs.');
  const onSource = deviceActivities(input.source);
  const onTarget = deviceActivities(input.target);
  const seenByTarget = { ...transfer, peer: input.source };
  undo.register('clear the target', () => onTarget('clear the target').discardTarget(seenByTarget));
  undo.register('clear the source', () => onSource('forget the copied files').forgetFiles(input.migrationId));
  await onTarget('image, network, container').prepareTarget(seenByTarget);
  return onSource('copy files and log').syncFiles(transfer, sessionOptions(input));
}

/** Starts on both devices everything that the hot window needs. It waits there; the computes run on. */
async function arm(
  input: MigrateComputeInput,
  transfer: TransferInput,
  descriptors: Record<string, string[]>,
  undo: Undo,
): Promise<void> {
  const { migrationId, group, source, target } = input;
  const { transfer: id, epoch } = transfer;
  const onSource = deviceActivities(source)('start what the hot window needs');
  const onTarget = deviceActivities(target)('start what the hot window needs');
  let opened = Promise.resolve(false);
  undo.register('close the transfer', async () => {
    if (await opened) await controlActivities().closeTransfer(id, 'thawed');
  });
  undo.register('disarm the source', () => onSource.disarmSource(transfer));
  // An abort waits for its answer: what was opened has to be closed.
  const opening = CancellationScope.nonCancellable(() =>
    controlActivities().openTransfer({ id, migrationId, group, source, target, epoch }),
  );
  opened = opening.then(
    () => true,
    () => false,
  );
  await opening;
  await Promise.all([
    onSource.armSource(transfer),
    onTarget.armTarget({ ...transfer, peer: source }, descriptors),
  ]);
}

/** Does it when it is first asked for; later calls wait for the same. */
function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | null = null;
  return () => (begun ??= work());
}

/** As the source sees it; its id is random, new for every freeze. */
function newTransfer({ migrationId, group, computes, target, epoch }: MigrateComputeInput): TransferInput {
  const transfer = uuid4().replaceAll('-', '');
  return { transfer, migration: migrationId, group, epoch: epoch + 1, computes, peer: target };
}

/** Clears both devices of what the move needed. A source that is away does not keep the migration from its end. */
async function release(input: MigrateComputeInput, switched: Switched, recorder: Recorder): Promise<string> {
  recorder.enter('releasing', 'The compute runs on the target; the source is being cleared.');
  const { migrationId, computes, source, target } = input;
  const away = 'Moved. The source was not reached; it clears its copy when it is back.';
  if (!switched.sourceKnows) return away;
  const released = CancellationScope.cancellable(async () => {
    await Promise.all([
      deviceActivities(source)('clear the source').releaseSource({ migration: migrationId, computes }),
      deviceActivities(target)('forget the copied files').forgetFiles(migrationId),
      deviceActivities(source)('end the copy of memory').closeMemory({ migration: migrationId, computes }),
    ]);
    return 'Moved; clients kept their connections.';
  });
  return Promise.race([released, sleep(RELEASE_GRACE).then(() => away)]);
}

function failedBefore(error: unknown, aborted: boolean): End {
  const none = { frozenMs: null, wireBytes: 0 };
  if (aborted || isCancellation(error))
    return { state: 'aborted', reason: 'Stopped on request before the switch.', causes: [], ...none };
  const cause = causeOf(error);
  return { state: unfrozenEnd([cause]), reason: cause.message, causes: [cause], ...none };
}

async function setComputes(
  { computes }: MigrateComputeInput,
  name: 'migrating' | 'running',
  reason?: string,
): Promise<void> {
  for (const { id } of computes) await controlActivities().setComputeState(id, name, reason);
}
