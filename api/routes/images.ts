import { rm } from 'node:fs/promises';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import {
  imageDetailSchema,
  imageSchema,
  type ImageView,
  importImageQuerySchema,
} from '../../core/api/images.ts';
import { whereImageIs } from '../../db/imageLocations.ts';
import {
  computesOfImage,
  imageInScope,
  type ImageWithBlob,
  listImages,
  removeImage,
} from '../../db/images.ts';
import type { ApiContext } from '../context.ts';
import { archivePath } from '../images/store.ts';
import { storeImage } from '../images/storeImage.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';
import { acceptStreams, ARCHIVE_TYPES, takeBody } from '../streamedBody.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['images'];
const list = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat());

/** Images: uploaded as a tar, given to devices as `docker save` gives them. */
export const imageRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, config } = context;

  app.get('/images', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List images',
      querystring: pageQuerySchema,
      response: { 200: listOf(imageSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listImages(db, tenantOf(request).id, request.query);
      return { items: items.map(imageView), nextCursor };
    },
  });

  app.get('/images/:id', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'Show an image, where it is and what is made from it',
      params,
      response: { 200: imageDetailSchema },
    },
    handler: async (request) => {
      const image = await imageInScope(db, scopeOf(request), request.params.id);
      const [devices, computes] = await Promise.all([
        whereImageIs(db, image.digest),
        computesOfImage(db, image.id),
      ]);
      return { ...imageView(image), devices, computes };
    },
  });

  app.delete('/images/:id', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Delete an image that no compute is made from',
      params,
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      const { id } = await imageInScope(db, scopeOf(request), request.params.id);
      await removeImage(db, id, accountOf(request).accountId, (digest) =>
        rm(archivePath(config.dataDir, digest), { force: true }),
      );
      return reply.code(204).send(null);
    },
  });

  await app.register(async (scope: typeof app) => {
    acceptStreams(scope);
    scope.post('/images', {
      config: { needs: 'member' },
      schema: {
        tags,
        summary: "Import an image from a tar of `docker save` or of a root file system (the request's body)",
        description:
          'cmd, entrypoint (several times: a list), env and workdir are for a root file system, which does not know them. ' +
          'What is large is better sent in parts, to /images/uploads.',
        consumes: ARCHIVE_TYPES,
        querystring: importImageQuerySchema,
        response: { 201: imageSchema },
      },
      handler: async (request, reply) => {
        const { name, cmd, entrypoint, env, workdir } = request.query;
        const owner = { tenantId: tenantOf(request).id, name, actor: accountOf(request).accountId };
        const options = {
          command: list(cmd),
          entrypoint: list(entrypoint),
          env: list(env),
          workingDir: workdir ?? '',
        };
        const made = await takeBody(request, (body) => storeImage(context, owner, body, options));
        return reply.code(201).send(imageView(made));
      },
    });
    return Promise.resolve();
  });
};

/** An image as it is shown. */
export function imageView({ id, name, digest, blob, createdAt }: ImageWithBlob): ImageView {
  return { id, name, digest, bytes: blob.bytes, info: blob.info, createdAt: createdAt.toISOString() };
}
