import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf } from '../../core/api/common.ts';
import {
  runtimeBaseSchema,
  type RuntimeBaseView,
  runtimeParamsSchema,
  setRuntimeRequestSchema,
} from '../../core/api/runtimes.ts';
import { imageInScope } from '../../db/images.ts';
import { listRuntimes, removeRuntime, type RuntimeBase, setRuntime } from '../../db/runtimes.ts';
import type { ApiContext } from '../context.ts';
import { accountOf, scopeOf } from '../plugins/auth.ts';

const tags = ['applications'];

/** What applications are built on: for each runtime an image that the operator has chosen. */
export const runtimeRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/runtimes', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'List the runtimes that applications can be built for',
      response: { 200: listOf(runtimeBaseSchema) },
    },
    handler: async () => ({ items: (await listRuntimes(db)).map(runtimeView), nextCursor: null }),
  });

  app.put('/runtimes/:runtime', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Set the image that applications of a runtime are built on',
      params: runtimeParamsSchema,
      body: setRuntimeRequestSchema,
      response: { 200: runtimeBaseSchema },
    },
    handler: async (request) => {
      const { id: imageId } = await imageInScope(db, scopeOf(request), request.body.image);
      const { runtime } = request.params;
      return runtimeView(await setRuntime(db, { runtime, imageId, actor: accountOf(request).accountId }));
    },
  });

  app.delete('/runtimes/:runtime', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Build no more applications of a runtime',
      params: runtimeParamsSchema,
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      await removeRuntime(db, request.params.runtime, accountOf(request).accountId);
      return reply.code(204).send(null);
    },
  });
  return Promise.resolve();
};

function runtimeView({ runtime, digest, architecture, setAt }: RuntimeBase): RuntimeBaseView {
  return { runtime, digest, architecture, setAt: setAt.toISOString() };
}
