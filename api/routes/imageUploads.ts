import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  createUploadSchema,
  imageSchema,
  UPLOAD_OFFSET,
  uploadHeadersSchema,
  uploadSchema,
  type UploadView,
} from '../../core/api/images.ts';
import { idSchema } from '../../core/ids.ts';
import type { DrayageError } from '../../core/cause.ts';
import { imageRefused } from '../../core/imageArchive.ts';
import { getImage } from '../../db/images.ts';
import { createUpload, type ImageUploadRecord, uploadInScope } from '../../db/imageUploads.ts';
import { type ApiContext, freshId } from '../context.ts';
import { appendPart, dropUpload, finishUpload, offsetOf } from '../images/parts.ts';
import { imageTooLarge } from '../images/receive.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';
import { acceptStreams, takeBody } from '../streamedBody.ts';
import { imageView } from './images.ts';

const params = z.object({ upload: idSchema('upload') });
const tags = ['images'];
const PART_TYPES = ['application/octet-stream', 'application/x-tar'];

/** Archives that are sent in parts: an upload that was cut goes on where it was. */
export const imageUploadRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, config } = context;
  const show = async (reply: FastifyReply, upload: ImageUploadRecord): Promise<UploadView> => {
    const view = uploadView(upload, await offsetOf(config.dataDir, upload));
    reply.header(UPLOAD_OFFSET, view.offset);
    return view;
  };

  app.post('/images/uploads', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Begin to send an archive in parts, or find the upload of the same file that was begun before',
      body: createUploadSchema,
      response: { 201: uploadSchema },
    },
    handler: async (request, reply) => {
      const { name, bytes, digest, ...options } = request.body;
      if (bytes > config.imageMaxBytes) throw imageTooLarge(config.imageMaxBytes);
      const tenantId = tenantOf(request).id;
      const upload = await createUpload(db, {
        id: freshId('upload'),
        tenantId,
        name,
        bytes,
        digest,
        options,
      });
      return reply.code(201).send(await show(reply, upload));
    },
  });

  app.get('/images/uploads/:upload', {
    config: { needs: 'member' },
    schema: { tags, summary: 'Show how far an upload is', params, response: { 200: uploadSchema } },
    handler: async (request, reply) =>
      show(reply, await uploadInScope(db, scopeOf(request), request.params.upload)),
  });

  app.post('/images/uploads/:upload/finish', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Check an upload that has come as a whole, and make an image of it',
      params,
      response: { 201: imageSchema },
    },
    handler: async (request, reply) => {
      const upload = await uploadInScope(db, scopeOf(request), request.params.upload);
      const made =
        upload.imageId === null
          ? await finishUpload(context, upload, accountOf(request).accountId)
          : await getImage(db, upload.imageId);
      return reply.code(201).send(imageView(made));
    },
  });

  app.delete('/images/uploads/:upload', {
    config: { needs: 'member' },
    schema: { tags, summary: 'End an upload', params, response: { 204: z.null() } },
    handler: async (request, reply) => {
      const { id } = await uploadInScope(db, scopeOf(request), request.params.upload);
      await dropUpload(context, id);
      return reply.code(204).send(null);
    },
  });

  await app.register(async (scope: typeof app) => {
    acceptStreams(scope, PART_TYPES);
    scope.patch('/images/uploads/:upload', {
      config: { needs: 'member' },
      schema: {
        tags,
        summary: "Send the next part of an upload (the request's body)",
        description: 'The header Upload-Offset says where it begins, which must be where the upload is.',
        consumes: PART_TYPES,
        params,
        headers: uploadHeadersSchema,
        response: { 200: uploadSchema },
      },
      handler: async (request, reply) => {
        const upload = await uploadInScope(db, scopeOf(request), request.params.upload);
        const offset = request.headers[UPLOAD_OFFSET];
        if (offset === undefined) throw noOffset();
        await takeBody(request, (body) => appendPart(context, upload, offset, body));
        return show(reply, await uploadInScope(db, scopeOf(request), upload.id));
      },
    });
    return Promise.resolve();
  });
};

function uploadView(upload: ImageUploadRecord, offset: number): UploadView {
  const { id, name, digest, bytes, expiresAt, imageId, imageName } = upload;
  const image = imageId === null || imageName === null ? null : { id: imageId, name: imageName };
  return { id, name, digest, bytes, offset, expiresAt: expiresAt.toISOString(), image };
}

function noOffset(): DrayageError {
  return imageRefused(
    'invalid',
    'The header Upload-Offset is missing.',
    'Say where in the file the part begins.',
  );
}
