import { createReadStream } from 'node:fs';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { appLogRequestSchema, emptyResponseSchema } from '../../core/deviceApi.ts';
import { idSchema } from '../../core/ids.ts';
import { appOnDevice, putAppLog, setAppImage } from '../../db/apps.ts';
import { appArchivePath } from '../apps/store.ts';
import type { ApiContext } from '../context.ts';
import { storeImage } from '../images/storeImage.ts';
import { acceptStreams, takeBody } from '../streamedBody.ts';
import { deviceOf } from './identity.ts';

const params = z.object({ id: idSchema('app') });

/** What the device that was chosen to build an application asks, and only while it builds it. */
export const deviceAppRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, config } = context;

  app.get('/apps/:id/archive', {
    schema: { params },
    handler: async (request, reply) => {
      const { id } = await appOnDevice(db, deviceOf(request), request.params.id);
      return reply.type('application/x-tar').send(createReadStream(appArchivePath(config.dataDir, id)));
    },
  });

  app.post('/apps/:id/log', {
    // Twice a second while something is built.
    logLevel: 'warn',
    schema: { params, body: appLogRequestSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      const { from, lines } = request.body;
      await putAppLog(db, { id: request.params.id, deviceId: deviceOf(request) }, from, lines);
      return {};
    },
  });

  await app.register(async (scope: typeof app) => {
    acceptStreams(scope);
    scope.post('/apps/:id/image', {
      schema: { params, response: { 200: emptyResponseSchema } },
      handler: async (request) => {
        await takeBody(request, async (body) => {
          const { id, tenantId, name, actor, imageId } = await appOnDevice(
            db,
            deviceOf(request),
            request.params.id,
          );
          // The answer to an earlier attempt was lost.
          if (imageId !== null) body.resume();
          else {
            const owner = { tenantId, actor, name: `${name}:${id.slice('app_'.length)}` };
            await setAppImage(db, id, (await storeImage(context, owner, body)).id);
          }
        });
        return {};
      },
    });
    return Promise.resolve();
  });
};
