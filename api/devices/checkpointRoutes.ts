import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import { checkpointReportSchema, checkpointToRestoreSchema, keeperSchema } from '../../core/checkpoint.ts';
import { emptyResponseSchema } from '../../core/deviceApi.ts';
import { idSchema } from '../../core/ids.ts';
import { checkpointToRestore, keptFor, recordCheckpoint } from '../../db/checkpoints.ts';
import type { ApiContext } from '../context.ts';
import { openCheckpointKey } from '../failover/checkpointKeys.ts';
import { deviceOf } from './identity.ts';

const params = z.object({ id: idSchema('compute') });

/** What devices ask about checkpoints: who takes them, who keeps them, who goes on from them. */
export const deviceCheckpointRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = (app, { context }) => {
  const { db } = context;

  app.post('/checkpoints', {
    logLevel: 'warn',
    schema: { body: checkpointReportSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      await recordCheckpoint(db, deviceOf(request), request.body);
      return {};
    },
  });

  app.get('/checkpoints/:id/source', {
    logLevel: 'warn',
    schema: { params, response: { 200: keeperSchema } },
    handler: async (request) => {
      const kept = await keptFor(db, deviceOf(request), request.params.id);
      if (kept) return kept;
      throw new DrayageError({
        code: 'unknownCheckpoint',
        message: `This device keeps no checkpoints of ${request.params.id}.`,
        mend: 'What is there of them can go.',
      });
    },
  });

  app.get('/checkpoints/:id', {
    schema: { params, response: { 200: checkpointToRestoreSchema } },
    handler: async (request) => {
      const { id } = request.params;
      const { epoch, number, content, sealedKey } = await checkpointToRestore(db, deviceOf(request), id);
      return { computeId: id, epoch, number, content, key: openCheckpointKey(context, id, sealedKey) };
    },
  });
  return Promise.resolve();
};
