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
  const { id, source, target, workflowId, runId } = migration;
  const stored = (await savedAttempts(context.db, id)) ?? (await fromTemporal(context, workflowId, runId));
  const named = (taskQueue: string) =>
    [source, target].find((device) => deviceTaskQueue(device.id) === taskQueue) ?? null;
  return (stored ?? []).map(({ taskQueue, ...attempt }) => ({ ...attempt, device: named(taskQueue) }));
}

/** Keeps what Temporal has of moves that have ended: it forgets them. @throws DrayageError temporalAway */
export async function keepAttempts(context: ApiContext): Promise<void> {
  for (const { id, workflowId, runId } of await unsavedAttempts(context.db, AT_ONCE)) {
    if (await context.workflows.isRunning(workflowId, runId)) continue;
    await saveAttempts(context.db, id, (await fromTemporal(context, workflowId, runId)) ?? []);
  }
}

async function fromTemporal(
  { workflows }: ApiContext,
  workflowId: string,
  runId: string,
): Promise<StoredAttempt[] | null> {
  if (runId === '') return null;
  const trace = await workflows.trace(workflowId, runId);
  return trace && readAttempts(trace);
}
