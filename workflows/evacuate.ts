import {
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import {
  defineSearchAttributeKey,
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import type { EvacuationStepAnswer, RecordedMove } from '../activities/controlInterface.ts';
import { evacuationActivities } from './activityProxies.ts';
import type { computeLifecycle } from './computeLifecycle.ts';
import { describeMove, type EvacuateInput, LOOK_SIGNAL, WorkflowType } from './contract.ts';
import type { migrateCompute } from './migrateCompute.ts';

/** A history of so many events is begun anew; Temporal warns at ten thousand. */
const LONG_HISTORY = 4_000;

/**
 * Moves many computes for one purpose: off a device, back to it, or to where they do better. Its record in the database says
 * what is to be done and what has been; each step looks at that, plans, and says which moves to start now. The moves are
 * workflows of their own, which end as they would whatever becomes of this one.
 */
export async function evacuate({ evacuationId }: EvacuateInput): Promise<string> {
  let changed = false;
  const look = () => {
    changed = true;
  };
  setHandler(defineSignal(LOOK_SIGNAL), look);
  for (;;) {
    changed = false;
    const step = await evacuationActivities('look at what has ended, and plan').stepEvacuation(evacuationId);
    if (step.action === 'end') return step.reason;
    await Promise.all(step.moves.map((move) => begin(evacuationId, move, look)));
    await stop(step.stops);
    await condition(() => changed, step.stops.length > 0 ? 1 : step.againInMs);
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    if (continueAsNewSuggested || historyLength > LONG_HISTORY)
      await continueAsNew<typeof evacuate>({ evacuationId });
  }
}

/** Starts the workflow of a move; `ended` is called when it has ended, whichever way. */
async function begin(evacuation: string, move: RecordedMove, ended: () => void): Promise<void> {
  const { input, workflowId, computeId } = move;
  const { operation, summary, attributes } = describeMove(computeId, input, evacuation);
  const keywords = attributes.map(([name, value]) => ({
    key: defineSearchAttributeKey(name, 'KEYWORD'),
    value,
  }));
  try {
    const child = await startChild<typeof migrateCompute>(WorkflowType.migrateCompute, {
      workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      // As the API starts a move: by this it finds its own.
      memo: { operation },
      staticSummary: summary,
      typedSearchAttributes: new TypedSearchAttributes(keywords),
    });
    await evacuationActivities('the move has begun').noteMoveStarted(
      input.migrationId,
      child.firstExecutionRunId,
    );
    void child.result().then(ended, ended);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await evacuationActivities('the move cannot begin').refuseMove(input.migrationId);
    ended();
  }
}

/** One that cannot be stopped goes on; the evacuation has done what it could. */
async function stop(stops: Extract<EvacuationStepAnswer, { action: 'go' }>['stops']): Promise<void> {
  await Promise.allSettled(
    stops.map(({ workflowId, input }) =>
      executeChild<typeof computeLifecycle>(WorkflowType.computeLifecycle, {
        workflowId,
        args: [input],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      }),
    ),
  );
}
