import type { MigrationAttempt, MigrationView } from '../../core/api/migrations.ts';
import { deviceTaskQueue } from '../../core/device.ts';
import type { StoredAttempt } from '../../core/migrationRecord.ts';
import { savedAttempts, saveAttempts, unsavedAttempts } from '../../db/migrationAttempts.ts';
import type { ApiContext } from '../context.ts';
import { readAttempts } from './readAttempts.ts';

/** Moves whose attempts are kept in one go at most. */
const AT_ONCE = 20;

/** A move's steps that did not go well at once: as they were kept, or from Temporal. @throws DrayageError temporalAway */
export async function attemptsOf(context: ApiContext, migration: MigrationView): Promise<MigrationAttempt[]> {
  const { source, target } = migration;
  const stored = (await savedAttempts(context.db, migration.id)) ?? (await fromTemporal(context, migration));
  const named = (taskQueue: string) =>
    [source, target].find((device) => deviceTaskQueue(device.id) === taskQueue) ?? null;
  return stored.map(({ taskQueue, ...attempt }) => ({ ...attempt, device: named(taskQueue) }));
}

async function fromTemporal(
  { workflows }: ApiContext,
  { workflowId, runId }: MigrationView,
): Promise<StoredAttempt[]> {
  const trace = runId === '' ? null : await workflows.trace(workflowId, runId);
  return trace ? readAttempts(trace) : [];
}

/** Keeps what Temporal has of moves that have ended: it forgets them. @throws DrayageError temporalAway */
export async function keepAttempts({ db, workflows }: ApiContext): Promise<void> {
  for (const { id, workflowId, runId } of await unsavedAttempts(db, AT_ONCE)) {
    const trace = await workflows.trace(workflowId, runId);
    if (trace?.running !== true) await saveAttempts(db, id, trace ? readAttempts(trace) : []);
  }
}
