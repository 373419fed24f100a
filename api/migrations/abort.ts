import { DrayageError } from '../../core/cause.ts';
import { FINAL_MIGRATION_STATES } from '../../core/migration.ts';
import type { Scope } from '../../core/tenancy.ts';
import { getMigration, migrationInScope, setMigrationState } from '../../db/migrationRecords.ts';
import type { ApiContext } from '../context.ts';

/**
 * Asks a move to stop before its commit point; returns the workflow's words once it is certain that it does.
 * @throws DrayageError unknownMigration, migrationEnded, abortRefused (too late), abortUndecided, temporalAway
 */
export async function abortMigration(context: ApiContext, scope: Scope, id: string): Promise<string> {
  const { db, workflows } = context;
  const { state, runId, workflowId, evacuation } = await migrationInScope(db, scope, id);
  if (FINAL_MIGRATION_STATES.includes(state)) throw ended(id, state);
  if (runId === '' && evacuation !== null) throw beginning(id);
  if (runId === '') {
    const reason = 'It was aborted before it had started.';
    if (await setMigrationState(db, id, 'aborted', reason)) return reason;
    throw ended(id, (await getMigration(db, id)).state);
  }
  const answer = await workflows.abortMigration(workflowId, runId);
  if (!answer) throw ended(id, (await getMigration(db, id)).state);
  if (answer.accepted) return answer.reason;
  throw new DrayageError({
    code: 'abortRefused',
    message: `Migration ${id} cannot be aborted any more: ${answer.reason}`,
    mend: 'Let it end; then move the compute back if need be.',
  });
}

/** Its evacuation is about to start its workflow, and could not be kept from it. */
function beginning(id: string): DrayageError {
  return new DrayageError(
    {
      code: 'abortUndecided',
      message: `Migration ${id} is just about to begin.`,
      mend: 'Ask again in a moment.',
    },
    { retryable: true },
  );
}

function ended(id: string, state: string): DrayageError {
  return new DrayageError({
    code: 'migrationEnded',
    message: `Migration ${id} has ended: ${state}.`,
    mend: 'Nothing has to be done.',
  });
}
