import { ParentClosePolicy, startChild, uuid4 } from '@temporalio/workflow';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { evacuationActivities } from './activityProxies.ts';
import { type RunScheduleInput, SearchAttribute, WorkflowType } from './contract.ts';
import type { evacuate } from './evacuate.ts';

/** What a schedule does when its time has come: it records what it begins, and starts its workflow, which goes on by itself. */
export async function runSchedule({ scheduleId }: RunScheduleInput): Promise<string> {
  // As ids are made (core/ids.ts), and the same whenever this is replayed.
  const evacuationId = `eva_${uuid4().replaceAll('-', '').slice(0, 12)}`;
  const begun = await evacuationActivities('record what is due').beginScheduled(scheduleId, evacuationId);
  if (begun.action === 'refuse') return begun.reason;
  const key = defineSearchAttributeKey(SearchAttribute.evacuation, 'KEYWORD');
  const child = await startChild<typeof evacuate>(WorkflowType.evacuate, {
    workflowId: evacuationId,
    args: [{ evacuationId }],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    memo: { operation: evacuationId },
    typedSearchAttributes: new TypedSearchAttributes([{ key, value: evacuationId }]),
  });
  await evacuationActivities('it has begun').noteEvacuationStarted(evacuationId, child.firstExecutionRunId);
  return evacuationId;
}
