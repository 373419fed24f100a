import { json } from 'node:stream/consumers';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { listOf, problemAnswers } from '../../core/api/common.ts';
import {
  listVolumesQuerySchema,
  volumeContentQuerySchema,
  volumePathQuerySchema,
  volumeSchema,
  type VolumeView,
} from '../../core/api/volumes.ts';
import { idSchema } from '../../core/ids.ts';
import { volumeListingSchema } from '../../core/volumeFiles.ts';
import { computeInScope } from '../../db/computes.ts';
import { listVolumes, type VolumeRecord, volumeInScope } from '../../db/volumes.ts';
import type { ApiContext } from '../context.ts';
import { gone } from '../gone.ts';
import { askLink, reachable } from '../link.ts';
import { scopeOf, tenantOf } from '../plugins/auth.ts';

const params = z.object({ id: idSchema('volume') });
const tags = ['volumes'];

/** Volumes, and what is in them: read on the device that the compute is on. */
export const volumeRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  /** The device's answer about a path of a volume. */
  const ask = async (
    request: FastifyRequest<{ Params: z.output<typeof params> }>,
    what: 'files' | 'content',
    path: string,
    signal: AbortSignal,
  ) => {
    const scope = scopeOf(request);
    const volume = await volumeInScope(db, scope, request.params.id);
    const { compute, device } = await reachable(context, scope, volume.compute.id, { running: false });
    const query = new URLSearchParams({ path }).toString();
    const url = `/v1/computes/${compute.id}/volumes/${volume.name}/${what}?${query}`;
    return askLink(context, device, url, signal);
  };

  app.get('/volumes', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List volumes',
      querystring: listVolumesQuerySchema,
      response: { 200: listOf(volumeSchema), ...problemAnswers(404) },
    },
    handler: async (request) => {
      const { compute, ...page } = request.query;
      const of = compute === undefined ? undefined : await computeInScope(db, scopeOf(request), compute);
      const found = await listVolumes(db, tenantOf(request).id, { ...page, compute: of?.id });
      return { items: found.items.map(view), nextCursor: found.nextCursor };
    },
  });

  app.get('/volumes/:id', {
    config: { needs: 'viewer' },
    schema: { tags, summary: 'Get a volume', params, response: { 200: volumeSchema } },
    handler: async (request) => view(await volumeInScope(db, scopeOf(request), request.params.id)),
  });

  app.get('/volumes/:id/files', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'List a directory of a volume',
      description: 'A path goes through no link; a directory of more than 1,000 entries is not shown whole.',
      params,
      querystring: volumePathQuerySchema,
      response: { 200: volumeListingSchema, ...problemAnswers(409, 502) },
    },
    handler: async (request, reply) => {
      const answer = await ask(request, 'files', request.query.path, gone(reply));
      return volumeListingSchema.parse(await json(answer));
    },
  });

  app.get('/volumes/:id/content', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Read a file of a volume',
      params,
      querystring: volumeContentQuerySchema,
      response: {
        200: {
          description: 'The bytes that it had when it was opened.',
          content: { 'application/octet-stream': { schema: z.string() } },
        },
        ...problemAnswers(409, 502),
      },
    },
    handler: async (request, reply) => {
      const { path } = request.query;
      const answer = await ask(request, 'content', path, gone(reply));
      // The schema's text comes as a stream, which is sent as it is.
      const streamed = reply as FastifyReply;
      const name = encodeURIComponent(path.split('/').findLast(Boolean) ?? '');
      void streamed
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename*=UTF-8''${name}`)
        .header('x-content-type-options', 'nosniff');
      const length = answer.headers['content-length'];
      if (length !== undefined) void streamed.header('content-length', length);
      return streamed.type('application/octet-stream').send(answer);
    },
  });
  return Promise.resolve();
};

function view({ id, name, path, createdAt, compute }: VolumeRecord): VolumeView {
  return { id, name, compute, path, createdAt: createdAt.toISOString() };
}
