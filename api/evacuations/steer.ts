import type { FastifyBaseLogger } from 'fastify';
import { DrayageError } from '../../core/cause.ts';
import {
  endEvacuation,
  type EvacuationRow,
  openEvacuations,
  setEvacuationState,
} from '../../db/evacuations.ts';
import { migrationsOfEvacuation } from '../../db/migrationRecords.ts';
import type { ApiContext } from '../context.ts';
import { abortMigration } from '../migrations/abort.ts';
import { launchEvacuation } from './start.ts';

const GONE = 'The workflow of this evacuation was ended from outside.';
const EVERYTHING = { tenantId: '', everywhere: true };

/** Starts nothing more until it is resumed; what moves ends as it would. @throws DrayageError unknownEvacuation, evacuationState */
export function pauseEvacuation(context: ApiContext, id: string, actor: string): Promise<EvacuationRow> {
  return steer(context, () =>
    setEvacuationState(context.db, id, ['running'], 'paused', { actor, reason: 'It is paused.' }),
  );
}

/** @throws DrayageError unknownEvacuation, evacuationState */
export function resumeEvacuation(context: ApiContext, id: string, actor: string): Promise<EvacuationRow> {
  return steer(context, () =>
    setEvacuationState(context.db, id, ['paused'], 'running', { actor, reason: 'It goes on.' }),
  );
}

/**
 * Ends it as soon as what moves has ended; with `abort` that is rolled back where it still can be.
 * @throws DrayageError unknownEvacuation, evacuationState
 */
export async function cancelEvacuation(
  context: ApiContext,
  id: string,
  moves: 'finish' | 'abort',
  actor: string,
): Promise<EvacuationRow> {
  const abortMoves = moves === 'abort';
  const reason = abortMoves
    ? 'It is cancelled; moves under way are rolled back.'
    : 'It is cancelled when moves under way have ended.';
  const row = await setEvacuationState(context.db, id, ['running', 'paused'], 'cancelling', {
    actor,
    reason,
    abortMoves,
  });
  if (abortMoves) await abortMovesOf(context, row);
  return steer(context, () => Promise.resolve(row));
}

/** Its workflow looks at its record by itself, only later: it need not hear of it. */
async function steer(context: ApiContext, change: () => Promise<EvacuationRow>): Promise<EvacuationRow> {
  const row = await change();
  await context.workflows.lookAtEvacuation(row.id).catch((error: unknown) => {
    if (!(error instanceof DrayageError)) throw error;
  });
  return row;
}

/** Asks every move of an evacuation to stop. One that is past its commit point goes on, and one that cannot answer is asked again. */
async function abortMovesOf(context: ApiContext, { id }: EvacuationRow): Promise<void> {
  const asked = (await migrationsOfEvacuation(context.db, id)).map((move) =>
    abortMigration(context, EVERYTHING, move).catch((error: unknown) => {
      if (!(error instanceof DrayageError)) throw error;
    }),
  );
  await Promise.all(asked);
}

/**
 * Brings evacuations and their workflows together again: starts what was recorded and not started, asks moves to stop that
 * still have to be, and ends the record of one whose workflow is gone. Resolves with the ids of those that were open.
 */
export async function settleEvacuations(
  context: ApiContext,
  logger: FastifyBaseLogger,
  youngSeconds: number,
): Promise<ReadonlySet<string>> {
  const open = await openEvacuations(context.db);
  for (const row of open) {
    if (row.state === 'cancelling' && row.abortMoves) await abortMovesOf(context, row);
    if (Date.now() - row.createdAt.getTime() < youngSeconds * 1000) continue;
    if (row.runId === '') {
      if ((await launchEvacuation(context, row)) !== null)
        logger.info({ evacuation: row.id }, 'started an evacuation that was only recorded');
    } else if (!(await context.workflows.isRunning(row.id))) {
      // The workflow ends the record itself, before it ends; only one that was terminated from outside could not.
      await context.db.transaction((tx) => endEvacuation(tx, row.id, 'failed', GONE));
      logger.error({ evacuation: row.id }, 'an evacuation has no workflow any more');
    }
  }
  return new Set(open.map(({ id }) => id));
}
