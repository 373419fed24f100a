import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { z } from 'zod';
import type { Migration } from '../../../core/migration.ts';
import type { Lab } from '../../../lab/state.ts';

const outcomeSchema = z.object({
  state: z.string(),
  roundTrips: z.number().int(),
  frozenMs: z.number().nullable(),
});

/** What the source's machine told the workflow of a move, from the workflow's own history. */
export async function switchOutcome(
  lab: Lab,
  { workflowId, runId }: Migration,
): Promise<z.infer<typeof outcomeSchema>> {
  const connection = await Connection.connect({ address: `127.0.0.1:${lab.ports.temporal}` });
  try {
    const history = await new Client({ connection }).workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of history.events ?? []) {
      const payload = event.activityTaskCompletedEventAttributes?.result?.payloads?.[0];
      const parsed = outcomeSchema.safeParse(payload ? defaultPayloadConverter.fromPayload(payload) : null);
      if (parsed.success) return parsed.data;
    }
    throw new Error('the history has no end of a switch');
  } finally {
    await connection.close();
  }
}
