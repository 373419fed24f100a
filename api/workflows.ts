import { setTimeout as pause } from 'node:timers/promises';
import {
  Client,
  Connection,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  WorkflowUpdateStage,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { DrayageError } from '../core/cause.ts';
import { CATCH_UP_SECONDS } from '../core/schedule.ts';
import { CONTROL_TASK_QUEUE } from '../core/device.ts';
import {
  ABORT_UPDATE,
  type AbortAnswer,
  type BuildApplicationInput,
  type ComputeLifecycleInput,
  describeMove,
  type EvacuateInput,
  LOOK_SIGNAL,
  type LifecycleOperation,
  type MigrateComputeInput,
  type PullImageInput,
  SearchAttribute,
  type SnapshotComputeInput,
  WorkflowType,
} from '../workflows/contract.ts';
import type { WorkflowTrace } from './migrations/readAttempts.ts';
import { connectionOptions, type TemporalSettings } from './temporalSettings.ts';

/** Longest wait for Temporal before a request is answered with 503. */
const TEMPORAL_DEADLINE_MS = 8_000;

/** How long a workflow that has recorded its end may take to end. */
const SETTLE_MS = 2_000;

/** What the API asks of Temporal. */
export interface Workflows {
  /** Asked again for `create` or `restore`, it finds its own work. @throws DrayageError workflowRunning, temporalAway */
  startLifecycle(workflowId: string, input: ComputeLifecycleInput): Promise<{ runId: string }>;
  /** Asked again, it finds its own work. @throws DrayageError workflowRunning, temporalAway */
  startMigration(
    move: { workflowId: string; computeId: string },
    input: MigrateComputeInput,
  ): Promise<{ runId: string }>;
  /** Asked again, it finds its own work. @throws DrayageError temporalAway */
  startBuild(input: BuildApplicationInput): Promise<{ runId: string }>;
  /** @throws DrayageError workflowRunning, temporalAway */
  startSnapshot(workflowId: string, input: SnapshotComputeInput): Promise<{ runId: string }>;
  /** @throws DrayageError temporalAway */
  startPull(input: PullImageInput): Promise<{ runId: string }>;
  /** Null when the workflow has ended. @throws DrayageError temporalAway, abortUndecided (neither device can tell yet) */
  abortMigration(workflowId: string, runId: string): Promise<AbortAnswer | null>;
  /** Asked again, it finds its own work. `note`: for Temporal's own UI. @throws DrayageError temporalAway */
  startEvacuation(input: EvacuateInput, note: string): Promise<{ runId: string }>;
  /** Tells an evacuation that its record was changed; nothing happens when it has ended. @throws DrayageError temporalAway */
  lookAtEvacuation(evacuationId: string): Promise<void>;
  /** Has Temporal begin a schedule's times; one that it has is left. @throws DrayageError temporalAway */
  keepSchedule(scheduleId: string, times: { cron: string; timeZone: string }): Promise<void>;
  /** @throws DrayageError temporalAway */
  dropSchedule(scheduleId: string): Promise<void>;
  /** Whether that run (the last, without one) is still under way. @throws DrayageError temporalAway */
  isRunning(workflowId: string, runId?: string): Promise<boolean>;
  /** What Temporal has of a run; null when it has nothing any more. @throws DrayageError temporalAway */
  trace(workflowId: string, runId: string): Promise<WorkflowTrace | null>;
  /** @throws DrayageError temporalAway */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Operations that are recorded before they are begun, and are begun until they are. */
const REPEATED: readonly LifecycleOperation[] = ['create', 'restore'];

const keywords = {
  compute: defineSearchAttributeKey(SearchAttribute.compute, SearchAttributeType.KEYWORD),
  evacuation: defineSearchAttributeKey(SearchAttribute.evacuation, SearchAttributeType.KEYWORD),
};

interface StartDetails {
  input: unknown;
  /** Names this request among all; empty when a repetition need not find it. */
  operation: string;
  attributes: TypedSearchAttributes;
  /** Shown by Temporal's own UI. */
  note: string;
}

/** Connects when it is first needed, so that the API starts and answers without Temporal too. */
export function connectWorkflows(temporal: TemporalSettings): Workflows {
  const connection = Connection.lazy(connectionOptions(temporal));
  const client = new Client({ connection, namespace: temporal.namespace });
  const call = <T>(action: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, action).catch((error: unknown) => {
      throw translate(error);
    });
  const start = async (type: string, workflowId: string, details: StartDetails) => {
    // A workflow says that it has ended a moment before it has: whoever heard it must not be refused for that.
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      try {
        return await startOnce(type, workflowId, details);
      } catch (error) {
        const running = error instanceof DrayageError && error.cause_.code === 'workflowRunning';
        if (!running || performance.now() > deadline) throw error;
        await pause(SETTLE_MS / 20);
      }
    }
  };
  const startOnce = async (type: string, workflowId: string, details: StartDetails) => {
    const { input, operation, attributes, note } = details;
    try {
      const handle = await call(() =>
        client.workflow.start(type, {
          workflowId,
          taskQueue: CONTROL_TASK_QUEUE,
          args: [input],
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
          typedSearchAttributes: attributes,
          staticSummary: note,
          memo: { operation },
        }),
      );
      return { runId: handle.firstExecutionRunId };
    } catch (error) {
      if (!(error instanceof DrayageError) || error.cause_.code !== 'workflowRunning' || operation === '')
        throw error;
      // The answer to an earlier attempt may have been lost: then the one that runs is this one.
      const { memo, runId } = await call(() => client.workflow.getHandle(workflowId).describe());
      if (memo?.['operation'] !== operation) throw error;
      return { runId };
    }
  };
  return {
    startLifecycle: (workflowId, input) =>
      start(WorkflowType.computeLifecycle, workflowId, {
        input,
        operation: REPEATED.includes(input.operation) ? `${input.operation} ${input.spec.id}` : '',
        attributes: new TypedSearchAttributes([{ key: keywords.compute, value: input.spec.id }]),
        note: `${input.operation} ${input.spec.name} on ${input.device}`,
      }),
    startMigration: ({ workflowId, computeId }, input) => {
      const { operation, summary: note, attributes } = describeMove(computeId, input);
      return start(WorkflowType.migrateCompute, workflowId, {
        ...{ input, operation, note },
        attributes: new TypedSearchAttributes(
          attributes.map(([name, value]) => ({
            key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
            value,
          })),
        ),
      });
    },
    startBuild: (input) =>
      start(WorkflowType.buildApplication, input.app, {
        input,
        operation: input.app,
        attributes: new TypedSearchAttributes([]),
        note: `build ${input.name} on ${input.device}`,
      }),
    startEvacuation: (input, note) =>
      start(WorkflowType.evacuate, input.evacuationId, {
        input,
        operation: input.evacuationId,
        attributes: new TypedSearchAttributes([{ key: keywords.evacuation, value: input.evacuationId }]),
        note,
      }),
    async lookAtEvacuation(evacuationId) {
      try {
        await call(() => client.workflow.getHandle(evacuationId).signal(LOOK_SIGNAL));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    async keepSchedule(scheduleId, { cron, timeZone }) {
      try {
        await call(() =>
          client.schedule.create({
            scheduleId,
            spec: { cronExpressions: [cron], timezone: timeZone },
            policies: {
              overlap: ScheduleOverlapPolicy.SKIP,
              catchupWindow: `${String(CATCH_UP_SECONDS)} seconds`,
            },
            action: {
              type: 'startWorkflow',
              workflowType: WorkflowType.runSchedule,
              workflowId: scheduleId,
              taskQueue: CONTROL_TASK_QUEUE,
              args: [{ scheduleId }],
            },
          }),
        );
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      }
    },
    async dropSchedule(scheduleId) {
      try {
        await call(() => client.schedule.getHandle(scheduleId).delete());
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      }
    },
    startSnapshot: (workflowId, input) =>
      start(WorkflowType.snapshotCompute, workflowId, {
        input,
        operation: input.snapshot,
        attributes: new TypedSearchAttributes([{ key: keywords.compute, value: input.spec.id }]),
        note: `snapshot of ${input.spec.name} on ${input.device}`,
      }),
    startPull: (input) =>
      start(WorkflowType.pullImage, input.pullId, {
        input,
        operation: input.pullId,
        attributes: new TypedSearchAttributes([]),
        note: `pull ${input.reference}`,
      }),
    async abortMigration(workflowId, runId) {
      const handle = client.workflow.getHandle(workflowId, runId);
      try {
        const asked = await call(() =>
          handle.startUpdate<AbortAnswer, []>(ABORT_UPDATE, {
            waitForStage: WorkflowUpdateStage.ACCEPTED,
          }),
        );
        return await call(() => asked.result().catch(undecided));
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || error instanceof WorkflowFailedError) return null;
        throw error;
      }
    },
    async isRunning(workflowId, runId) {
      try {
        const { status } = await call(() => client.workflow.getHandle(workflowId, runId).describe());
        return status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    async trace(workflowId, runId) {
      const handle = client.workflow.getHandle(workflowId, runId);
      try {
        const [{ events }, { raw, status }] = await call(() =>
          Promise.all([handle.fetchHistory(), handle.describe()]),
        );
        const running = status.name === 'RUNNING';
        return { running, events: events ?? [], pending: raw.pendingActivities ?? [] };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    async check() {
      await call(() => connection.workflowService.describeNamespace({ namespace: temporal.namespace }));
    },
    close: () => connection.close(),
  };
}

/** Temporal is there, but the devices have not answered: a source that is cut off cannot tell. */
function undecided(error: unknown): never {
  if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
  throw new DrayageError(
    {
      code: 'abortUndecided',
      message: 'The devices were asked to stop the move and have not decided yet which of them goes on.',
      mend: 'Ask again, or look at the record of the move: one of them goes on as soon as they are reached.',
    },
    { cause: error, retryable: true },
  );
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
  if (error instanceof DrayageError) return error;
  // What the workflow itself answers is not Temporal being away.
  const answers = [
    ...[WorkflowNotFoundError, WorkflowFailedError, WorkflowUpdateFailedError],
    ...[ScheduleAlreadyRunning, ScheduleNotFoundError],
  ];
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
