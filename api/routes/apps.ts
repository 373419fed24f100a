import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { appSchema, appWithLogSchema, uploadAppQuerySchema } from '../../core/api/apps.ts';
import { acceptedSchema, idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import { appInScope, listApps } from '../../db/apps.ts';
import { uploadApp } from '../apps/upload.ts';
import { appView } from '../apps/view.ts';
import type { ApiContext } from '../context.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';
import { acceptStreams, ARCHIVE_TYPES, takeBody } from '../streamedBody.ts';

const tags = ['applications'];

/** Applications: uploaded as their files with a manifest, built into an image on a device, and started. */
export const appRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/apps', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List applications, newest first',
      querystring: pageQuerySchema,
      response: { 200: listOf(appSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listApps(db, tenantOf(request).id, request.query);
      return { items: items.map(appView), nextCursor };
    },
  });

  app.get('/apps/:id', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'Show how far an application is, with the log of its build',
      params: z.object({ id: idOrNameSchema }),
      response: { 200: appWithLogSchema },
    },
    handler: async (request) => {
      const row = await appInScope(db, scopeOf(request), request.params.id);
      return { ...appView(row), log: row.log };
    },
  });

  await app.register(async (scope: typeof app) => {
    acceptStreams(scope);
    scope.post('/apps', {
      config: { needs: 'member', idempotent: true },
      schema: {
        tags,
        summary: "Build an application from a tar of its folder (the request's body) and run it",
        description:
          'The folder has a drayage.json at its root: runtime, start, ports. Of two requests with one Idempotency-Key the parameters are compared, not the bodies.',
        consumes: ARCHIVE_TYPES,
        querystring: uploadAppQuerySchema,
        response: { 202: acceptedSchema },
      },
      handler: async (request, reply) => {
        const who = { tenantId: tenantOf(request).id, actor: accountOf(request).accountId };
        const accepted = await takeBody(request, (body) => uploadApp(context, who, request.query, body));
        return reply.code(202).send(accepted);
      },
    });
    return Promise.resolve();
  });
};
