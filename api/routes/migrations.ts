import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import {
  abortResponseSchema,
  migrateRequestSchema,
  migrationAcceptedSchema,
  migrationViewSchema,
  timelineSchema,
} from '../../core/api/migrations.ts';
import { computeInScope } from '../../db/computes.ts';
import { eventsOf } from '../../db/events.ts';
import { listMigrations, migrationInScope } from '../../db/migrationRecords.ts';
import type { ApiContext } from '../context.ts';
import { abortMigration } from '../migrations/abort.ts';
import { startMigration } from '../migrations/start.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['migrations'];

/** Moves of computes between devices. */
export const migrationRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.post('/computes/:id/migrations', {
    config: { needs: 'member', idempotent: true },
    schema: {
      tags,
      summary: 'Move a compute to another device while it runs',
      params,
      // A request without a body lets everything be chosen.
      body: migrateRequestSchema.nullish().transform((body) => body ?? {}),
      response: { 202: migrationAcceptedSchema },
    },
    handler: async (request, reply) =>
      reply
        .code(202)
        .send(
          await startMigration(
            context,
            scopeOf(request),
            request.params.id,
            request.body,
            accountOf(request).accountId,
          ),
        ),
  });

  app.get('/migrations', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List moves, newest first',
      querystring: pageQuerySchema.extend({ compute: idOrNameSchema.optional() }),
      response: { 200: listOf(migrationViewSchema) },
    },
    handler: async (request) => {
      const { compute, ...page } = request.query;
      return listMigrations(db, tenantOf(request).id, {
        ...page,
        compute: compute === undefined ? undefined : (await computeInScope(db, scopeOf(request), compute)).id,
      });
    },
  });

  app.get('/migrations/:id', {
    config: { needs: 'viewer' },
    schema: { tags, summary: 'Show a move', params, response: { 200: migrationViewSchema } },
    handler: (request) => migrationInScope(db, scopeOf(request), request.params.id),
  });

  app.get('/migrations/:id/timeline', {
    config: { needs: 'viewer' },
    schema: { tags, summary: 'What happened in a move, and when', params, response: { 200: timelineSchema } },
    handler: async (request) => {
      const { id, phases } = await migrationInScope(db, scopeOf(request), request.params.id);
      const events = await eventsOf(db, id);
      return {
        phases,
        events: events.map(({ at, type, message, data }) => ({ at: at.toISOString(), type, message, data })),
      };
    },
  });

  app.post('/migrations/:id/abort', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Stop a move before its commit point; the compute runs on on the source',
      params,
      response: { 202: abortResponseSchema },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      return reply
        .code(202)
        .send({ id, accepted: true, reason: await abortMigration(context, scopeOf(request), id) });
    },
  });
  return Promise.resolve();
};
