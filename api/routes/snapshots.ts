import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { acceptedSchema, idOrNameSchema, listOf, problemAnswers } from '../../core/api/common.ts';
import {
  createSnapshotSchema,
  importSnapshotQuerySchema,
  listSnapshotsQuerySchema,
  restoreSnapshotSchema,
  snapshotSchema,
} from '../../core/api/snapshots.ts';
import { DrayageError } from '../../core/cause.ts';
import { listSnapshots, removeSnapshot, snapshotInScope } from '../../db/snapshots.ts';
import type { ApiContext } from '../context.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';
import { exportArchive } from '../snapshots/exportArchive.ts';
import { importArchive } from '../snapshots/importArchive.ts';
import { makeSnapshot } from '../snapshots/makeSnapshot.ts';
import { restoreSnapshot } from '../snapshots/restore.ts';
import { discardParts } from '../snapshots/store.ts';
import { snapshotView } from '../snapshots/view.ts';
import { acceptStreams, ARCHIVE_TYPES, takeBody } from '../streamedBody.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['snapshots'];

/** Snapshots: a compute's memory and files of one moment, of which other computes can be made. */
export const snapshotRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, config } = context;

  app.post('/computes/:id/snapshots', {
    config: { needs: 'member', idempotent: true },
    schema: {
      tags,
      summary: 'Make a snapshot of a running compute: its memory, files, volumes and file systems in memory',
      description:
        'The compute runs on; it stands still for the length of one dump (`frozenMs`). Its connections live on, and are not in the snapshot.',
      params,
      body: createSnapshotSchema,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) => {
      const { accountId } = accountOf(request);
      const { id } = request.params;
      return reply.code(202).send(await makeSnapshot(context, scopeOf(request), id, request.body, accountId));
    },
  });

  app.get('/snapshots', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List snapshots, newest first',
      querystring: listSnapshotsQuerySchema,
      response: { 200: listOf(snapshotSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listSnapshots(db, tenantOf(request).id, request.query);
      return { items: items.map(snapshotView), nextCursor };
    },
  });

  app.get('/snapshots/:id', {
    config: { needs: 'viewer' },
    schema: { tags, summary: 'Show a snapshot', params, response: { 200: snapshotSchema } },
    handler: async (request) => snapshotView(await snapshotInScope(db, scopeOf(request), request.params.id)),
  });

  app.delete('/snapshots/:id', {
    config: { needs: 'member' },
    schema: { tags, summary: 'Delete a snapshot', params, response: { 204: z.null() } },
    handler: async (request, reply) => {
      const { id } = await snapshotInScope(db, scopeOf(request), request.params.id);
      await removeSnapshot(db, id, accountOf(request).accountId, () => discardParts(config.dataDir, id));
      return reply.code(204).send(null);
    },
  });

  app.post('/snapshots/:id/restore', {
    config: { needs: 'member', idempotent: true },
    schema: {
      tags,
      summary: 'Make a compute of a snapshot; it goes on from the moment that the snapshot holds',
      description:
        "Whatever the compute is called, it has what the snapshot's had but connections, group and published ports. It gets that one's address if nobody else has it, else another.",
      params,
      body: restoreSnapshotSchema,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) => {
      const { accountId } = accountOf(request);
      const { id } = request.params;
      return reply
        .code(202)
        .send(await restoreSnapshot(context, scopeOf(request), id, request.body, accountId));
    },
  });

  app.get('/snapshots/:id/archive', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Export a snapshot as a tar',
      description: "It holds the compute's memory in clear, with all secrets that are in it.",
      params,
      response: {
        200: {
          description: 'manifest.json, the seal of this installation, and the parts that the manifest names.',
          content: { 'application/x-tar': { schema: z.string() } },
        },
        ...problemAnswers(410, 422),
      },
    },
    handler: async (request, reply) => {
      const row = await snapshotInScope(db, scopeOf(request), request.params.id);
      const archive = await exportArchive(context, row);
      // The schema's text comes as a stream, which is sent as it is.
      const streamed = reply as FastifyReply;
      void streamed
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="${row.name}.tar"`)
        .header('x-content-type-options', 'nosniff');
      return streamed.type('application/x-tar').send(archive);
    },
  });

  await app.register(async (scope: typeof app) => {
    acceptStreams(scope);
    scope.post('/snapshots', {
      config: { needs: 'member' },
      schema: {
        tags,
        summary: "Import a snapshot from a tar that was exported (the request's body)",
        description: 'One that this installation did not write is for the operator to import, with `trust`.',
        consumes: ARCHIVE_TYPES,
        querystring: importSnapshotQuerySchema,
        response: { 201: snapshotSchema },
      },
      handler: async (request, reply) => {
        const { accountId, role } = accountOf(request);
        const trusted = request.query.trust;
        if (trusted && role !== 'operator') throw notTheOperator();
        const who = { tenantId: tenantOf(request).id, actor: accountId, trusted };
        const made = await takeBody(request, (body) => importArchive(context, who, request.query, body));
        return reply.code(201).send(snapshotView(made));
      },
    });
    return Promise.resolve();
  });
};

function notTheOperator(): DrayageError {
  return new DrayageError({
    code: 'forbidden',
    message: 'To vouch for an archive of another installation is for the operator.',
    mend: 'Ask the operator to import it.',
  });
}
