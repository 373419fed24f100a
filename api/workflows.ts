import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { DrayageError } from '../core/cause.ts';
import { CONTROL_TASK_QUEUE } from '../core/device.ts';
import {
  ABORT_UPDATE,
  type AbortAnswer,
  type ComputeLifecycleInput,
  computeWorkflowId,
  type MigrateComputeInput,
  SearchAttribute,
  WorkflowType,
} from '../workflows/contract.ts';

/** Longest wait for Temporal before a request is answered with 503. */
const TEMPORAL_DEADLINE_MS = 8_000;

/** What the API asks of Temporal. */
export interface Workflows {
  /** @throws DrayageError workflowRunning, temporalAway */
  startLifecycle(input: ComputeLifecycleInput): Promise<{ runId: string }>;
  /** @throws DrayageError workflowRunning, temporalAway */
  startMigration(computeId: string, input: MigrateComputeInput): Promise<{ runId: string }>;
  /** Null when the workflow has ended. @throws DrayageError temporalAway */
  abortMigration(workflowId: string, runId: string): Promise<AbortAnswer | null>;
  /** Whether that run is still under way. @throws DrayageError temporalAway */
  isRunning(workflowId: string, runId: string): Promise<boolean>;
  /** @throws DrayageError temporalAway */
  check(): Promise<void>;
  close(): Promise<void>;
}

const keywords = {
  compute: defineSearchAttributeKey(SearchAttribute.compute, SearchAttributeType.KEYWORD),
  source: defineSearchAttributeKey(SearchAttribute.source, SearchAttributeType.KEYWORD),
  target: defineSearchAttributeKey(SearchAttribute.target, SearchAttributeType.KEYWORD),
};

/** Connects when it is first needed, so that the API starts and answers without Temporal too. */
export function connectWorkflows(temporal: { address: string; namespace: string }): Workflows {
  const connection = Connection.lazy({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const call = <T>(action: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, action).catch((error: unknown) => {
      throw translate(error);
    });
  const start = async (type: string, workflowId: string, input: unknown, attributes: TypedSearchAttributes, note: string) => {
    const handle = await call(() =>
      client.workflow.start(type, {
        workflowId,
        taskQueue: CONTROL_TASK_QUEUE,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        typedSearchAttributes: attributes,
        staticSummary: note,
      }),
    );
    return { runId: handle.firstExecutionRunId };
  };
  return {
    startLifecycle: (input) =>
      start(
        WorkflowType.computeLifecycle,
        computeWorkflowId(input.spec.id),
        input,
        new TypedSearchAttributes([{ key: keywords.compute, value: input.spec.id }]),
        `${input.operation} ${input.spec.name} on ${input.device}`,
      ),
    startMigration: (computeId, input) =>
      start(
        WorkflowType.migrateCompute,
        computeWorkflowId(computeId),
        input,
        new TypedSearchAttributes([
          { key: keywords.compute, value: computeId },
          { key: keywords.source, value: input.source },
          { key: keywords.target, value: input.target },
        ]),
        `move ${input.computes.map(({ name }) => name).join(', ')} from ${input.source} to ${input.target}`,
      ),
    abortMigration: (workflowId, runId) =>
      call(() => client.workflow.getHandle(workflowId, runId).executeUpdate<AbortAnswer, []>(ABORT_UPDATE)).catch(
        (error: unknown) => {
          if (error instanceof WorkflowNotFoundError || error instanceof WorkflowFailedError) return null;
          throw error;
        },
      ),
    async isRunning(workflowId, runId) {
      try {
        const { status } = await call(() => client.workflow.getHandle(workflowId, runId).describe());
        return status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    async check() {
      await call(() => connection.workflowService.describeNamespace({ namespace: temporal.namespace }));
    },
    close: () => connection.close(),
  };
}

function translate(error: unknown): unknown {
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return new DrayageError(
      {
        code: 'workflowRunning',
        message: 'Something else is being done to this compute.',
        mend: 'Wait until it has ended and try again.',
      },
      { cause: error, retryable: true },
    );
  }
  // What the workflow itself answers is not Temporal being away.
  const answers = [WorkflowNotFoundError, WorkflowFailedError, WorkflowUpdateFailedError];
  if (answers.some((kind) => error instanceof kind)) return error;
  return new DrayageError(
    {
      code: 'temporalAway',
      message: 'The control plane cannot reach Temporal.',
      mend: 'Look at `drayage lab status` or at TEMPORAL_ADDRESS; try again when it is back.',
    },
    { cause: error, retryable: true },
  );
}
