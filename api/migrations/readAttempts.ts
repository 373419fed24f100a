import proto from '@temporalio/proto';
import { type Cause, causeSchema } from '../../core/cause.ts';
import { causeOfSilence } from '../../core/causeOfSilence.ts';
import type { StoredAttempt } from '../../core/migrationRecord.ts';

const { EventType } = proto.temporal.api.enums.v1;
type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;
type Failure = proto.temporal.api.failure.v1.IFailure;
type Payload = proto.temporal.api.common.v1.IPayload;
type Time = proto.google.protobuf.ITimestamp;

/** What Temporal has of a workflow: its history, and the activities that have not ended. */
export interface WorkflowTrace {
  /** It has not ended. */
  running: boolean;
  events: readonly HistoryEvent[];
  pending: readonly proto.temporal.api.workflow.v1.IPendingActivityInfo[];
}

/**
 * The steps of a workflow that did not go well at once: those that were tried again, and those that failed; in the order in
 * which they were begun. Of several failures Temporal keeps the last.
 */
export function readAttempts({ events, pending }: Omit<WorkflowTrace, 'running'>): StoredAttempt[] {
  const steps = new Map<string, StoredAttempt>();
  const ids = new Map<string, string>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (event.eventType === EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED && scheduled) {
      const activity = scheduled.activityType?.name ?? '';
      ids.set(scheduled.activityId ?? '', String(event.eventId));
      steps.set(String(event.eventId), {
        ...{ activity, step: textOf(event.userMetadata?.summary) ?? activity, state: 'running', attempts: 1 },
        ...{ taskQueue: scheduled.taskQueue?.name ?? '', cause: null },
        ...{ startedAt: timeOf(event.eventTime), endedAt: null },
      });
    }
    const started = event.activityTaskStartedEventAttributes;
    const begun = steps.get(String(started?.scheduledEventId));
    if (started && begun) {
      begun.attempts = started.attempt ?? 1;
      if (started.lastFailure) begun.cause = causeOfFailure(started.lastFailure, begun.activity);
    }
    const end = endOf(event);
    const ended = steps.get(String(end?.scheduledEventId));
    if (end && ended) {
      ended.state = end.state;
      ended.endedAt = timeOf(event.eventTime);
      if (end.failure) ended.cause = causeOfFailure(end.failure, ended.activity);
    }
  }
  for (const one of pending) {
    const step = steps.get(ids.get(one.activityId ?? '') ?? '');
    if (!step) continue;
    step.attempts = one.attempt ?? 1;
    if (one.lastFailure) step.cause = causeOfFailure(one.lastFailure, step.activity);
  }
  return [...steps.values()].filter(({ attempts, state }) => attempts > 1 || state === 'failed');
}

function endOf(event: HistoryEvent) {
  const { activityTaskCompletedEventAttributes: completed, activityTaskCanceledEventAttributes: cancelled } =
    event;
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (completed) return { state: 'succeeded' as const, scheduledEventId: completed.scheduledEventId };
  if (cancelled) return { state: 'cancelled' as const, scheduledEventId: cancelled.scheduledEventId };
  if (!failed) return null;
  return { state: 'failed' as const, scheduledEventId: failed.scheduledEventId, failure: failed.failure };
}

/** The cause that an activity has put into its failure; a worker that was silent has put none. */
function causeOfFailure(failure: Failure, activity: string): Cause {
  for (let one: Failure | null | undefined = failure; one; one = one.cause) {
    const cause = causeSchema.safeParse(jsonOf(one.applicationFailureInfo?.details?.payloads?.[0]));
    if (cause.success) return cause.data;
  }
  const silent = failure.timeoutFailureInfo ? causeOfSilence(activity) : null;
  return (
    silent ?? {
      code: failure.timeoutFailureInfo ? 'workerLost' : 'unexpected',
      message: failure.timeoutFailureInfo
        ? 'The worker that was at it ended, or did not answer.'
        : (failure.message ?? 'It failed.'),
      mend: "Look at the worker's log.",
    }
  );
}

function textOf(payload: Payload | null | undefined): string | null {
  const value = jsonOf(payload);
  return typeof value === 'string' ? value : null;
}

function jsonOf(payload: Payload | null | undefined): unknown {
  if (!payload?.data) return null;
  try {
    return JSON.parse(Buffer.from(payload.data).toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

function timeOf(time: Time | null | undefined): string {
  const ms = Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
  return new Date(ms).toISOString();
}
