import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idSchema } from '../../core/ids.ts';
import { partNameSchema, snapshotForDeviceSchema, snapshotPartSchema } from '../../core/snapshot.ts';
import { snapshotOnDevice, snapshotToRestore } from '../../db/snapshots.ts';
import type { ApiContext } from '../context.ts';
import { keepPart, openPart, snapshotFolder } from '../snapshots/store.ts';
import { acceptStreams, takeBody } from '../streamedBody.ts';
import { deviceOf } from './identity.ts';

const params = z.object({ id: idSchema('snapshot') });
const partParams = params.extend({ part: partNameSchema });

/** What a device asks of a snapshot that it is making, or that a compute of its own is being restored from. */
export const deviceSnapshotRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (
  app,
  { context },
) => {
  const { db, config } = context;

  app.get('/snapshots/:id', {
    schema: { params, response: { 200: snapshotForDeviceSchema } },
    handler: async (request) => {
      const { id, content } = await snapshotToRestore(db, deviceOf(request), request.params.id);
      return snapshotForDeviceSchema.parse({ id, content });
    },
  });

  app.get('/snapshots/:id/parts/:part', {
    schema: { params: partParams },
    handler: async (request, reply) => {
      const { id, content } = await snapshotToRestore(db, deviceOf(request), request.params.id);
      const part = content?.parts.find(({ name }) => name === request.params.part);
      const body = await openPart(context, id, request.params.part);
      // So that the device sees it when the end is missing.
      if (part) void reply.header('content-length', part.bytes);
      return reply.type('application/octet-stream').send(body);
    },
  });

  await app.register(async (scope: typeof app) => {
    acceptStreams(scope);
    scope.post('/snapshots/:id/parts/:part', {
      schema: { params: partParams, response: { 200: snapshotPartSchema } },
      handler: async (request) =>
        takeBody(request, async (body) => {
          const { id } = await snapshotOnDevice(db, deviceOf(request), request.params.id);
          const folder = snapshotFolder(config.dataDir, id);
          return keepPart(context, { id, part: request.params.part, folder }, body);
        }),
    });
    return Promise.resolve();
  });
};
