import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { withoutLayers } from '../../core/archiveLayers.ts';
import { DrayageError } from '../../core/cause.ts';
import {
  archiveQuerySchema,
  emptyResponseSchema,
  heldImagesSchema,
  imageAllowedSchema,
  imageAskSchema,
  imageSourcesSchema,
} from '../../core/deviceApi.ts';
import { imageForDevice } from '../../db/imageAccess.ts';
import { devicesWithImage, setImagesOfDevice } from '../../db/imageLocations.ts';
import type { ApiContext } from '../context.ts';
import { archivePath } from '../images/store.ts';
import { deviceOf } from './identity.ts';

const params = z.object({ id: z.string().max(128) });

/** A device gets the images of the computes that are its own or are moving to it; others are unknown to it. */
export const deviceImageRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, config } = context;

  app.get('/images/:id/archive', {
    schema: { params, querystring: archiveQuerySchema },
    handler: async (request, reply) => {
      const { blob, name } = await imageForDevice(db, deviceOf(request), request.params.id);
      const archive = await openArchive(archivePath(config.dataDir, blob.digest), name);
      reply.type('application/x-tar').header('drayage-digest', blob.digest);
      const left = blob.layers.slice(0, request.query.skip);
      if (left.length > 0) return reply.send(withoutLayers(archive, left));
      return reply.header('content-length', blob.bytes).send(archive);
    },
  });

  app.get('/images/:id/sources', {
    schema: { params, response: { 200: imageSourcesSchema } },
    handler: async (request) => {
      const device = deviceOf(request);
      const { blob } = await imageForDevice(db, device, request.params.id);
      const peers = await devicesWithImage(db, blob.digest, device);
      return {
        layers: blob.layers,
        peers: peers.map(({ id, inventory }) => ({ id, linkAddress: inventory.linkAddress })),
      };
    },
  });

  app.post('/images/:id/requests', {
    schema: { params, body: imageAskSchema, response: { 200: imageAllowedSchema } },
    handler: async (request) => {
      const { id } = request.params;
      const { blob } = await imageForDevice(db, request.body.device, id);
      const holders = await devicesWithImage(db, blob.digest, request.body.device);
      if (!holders.some((holder) => holder.id === deviceOf(request))) throw notHeld(id);
      return { digest: blob.digest };
    },
  });

  app.post('/images', {
    bodyLimit: 2 ** 20,
    schema: { body: heldImagesSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      await setImagesOfDevice(db, deviceOf(request), request.body.digests);
      return {};
    },
  });
  return Promise.resolve();
};

/** @throws DrayageError archiveGone */
async function openArchive(path: string, name: string): Promise<Readable> {
  try {
    return (await open(path)).createReadStream();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new DrayageError({
      code: 'archiveGone',
      message: `The control plane's copy of image ${name} is gone.`,
      mend: 'A device that has it can still give it to others; import it again under the same name to have it back.',
    });
  }
}

/** As for an image that was never there: a device learns nothing of images that it has not. */
function notHeld(id: string): DrayageError {
  return new DrayageError({
    code: 'unknownImage',
    message: `There is no image ${id}.`,
    mend: 'List what there is with `drayage image ls`.',
  });
}
