import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { evacuateRequestSchema } from '../../core/api/evacuations.ts';
import { DrayageError } from '../../core/cause.ts';
import {
  type SelfEvacuation,
  type SelfEvacuationCause,
  selfEvacuationRequestSchema,
  selfEvacuationResponseSchema,
} from '../../core/deviceApi.ts';
import { EvacuationKind } from '../../core/evacuation.ts';
import type { Database } from '../../db/database.ts';
import { type EvacuationRow, itemsOf, listEvacuations, openEvacuationOf } from '../../db/evacuations.ts';
import type { ApiContext } from '../context.ts';
import { startOwnEvacuation } from '../evacuations/start.ts';
import { countsOf } from '../evacuations/view.ts';
import { deviceOf } from './identity.ts';

const WORDS: Record<SelfEvacuationCause, string> = {
  battery: 'its battery is low',
  temperature: 'it is too hot',
  shutdown: 'it is being shut down',
};

/** A device that will not be there much longer asks to be emptied, and how far that is. It stays cordoned afterwards. */
export const selfEvacuationRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = (app, { context }) => {
  const { db } = context;

  app.post('/evacuation', {
    config: { admits: true },
    schema: { body: selfEvacuationRequestSchema, response: { 200: selfEvacuationResponseSchema } },
    handler: async (request) => {
      const deviceId = deviceOf(request);
      const { cause, deadlineSeconds, detail } = request.body;
      const why = detail === '' ? WORDS[cause] : `${WORDS[cause]} (${detail})`;
      const wanted = evacuateRequestSchema.parse({ deadlineSeconds });
      const begin = async () => {
        const { row } = await startOwnEvacuation(context, deviceId, wanted, { cause, why });
        request.log.warn({ device: deviceId, cause, detail }, 'a device asks to be emptied');
        return row;
      };
      const row = (await underWay(db, deviceId)) ?? (await begin().catch(orUnderWay(db, deviceId)));
      return { evacuation: row && (await viewOf(db, row)) };
    },
  });

  app.get('/evacuation', {
    schema: { response: { 200: selfEvacuationResponseSchema } },
    handler: async (request) => {
      const { items } = await listEvacuations(db, { deviceId: deviceOf(request), open: false, limit: 5 });
      const row = items.find(({ kind }) => kind === EvacuationKind.evacuate);
      return { evacuation: row ? await viewOf(db, row) : null };
    },
  });
  return Promise.resolve();
};

/** The evacuation of a device that has not ended, whoever asked for it; a return is none. */
async function underWay(db: Database, deviceId: string): Promise<EvacuationRow | null> {
  const row = await openEvacuationOf(db, deviceId);
  return row?.kind === EvacuationKind.evacuate ? row : null;
}

/** Asked for twice at once, the second is told of the first. */
function orUnderWay(db: Database, deviceId: string): (error: unknown) => Promise<EvacuationRow> {
  return async (error) => {
    const row = error instanceof DrayageError ? await underWay(db, deviceId) : null;
    if (row === null) throw error;
    return row;
  };
}

async function viewOf(db: Database, row: EvacuationRow): Promise<SelfEvacuation> {
  return {
    ...{ id: row.id, state: row.state, reason: row.reason },
    counts: countsOf(await itemsOf(db, [row.id])),
    deadlineAt: row.deadlineAt?.toISOString() ?? null,
    predictedEndAt: row.predictedEndAt?.toISOString() ?? null,
    ended: row.endedAt !== null,
  };
}
