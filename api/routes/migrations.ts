import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, problemAnswers } from '../../core/api/common.ts';
import { computeTargetSchema } from '../../core/api/computes.ts';
import {
  abortResponseSchema,
  attemptSchema,
  listMigrationsQuerySchema,
  migrateRequestSchema,
  migrationAcceptedSchema,
  migrationStatisticsSchema,
  migrationViewSchema,
  statisticsQuerySchema,
  timelineSchema,
} from '../../core/api/migrations.ts';
import { computeInScope } from '../../db/computes.ts';
import { getDevice } from '../../db/devices.ts';
import { eventsOf } from '../../db/events.ts';
import { listMigrations, migrationInScope } from '../../db/migrationRecords.ts';
import { migrationStatistics } from '../../db/migrationStatistics.ts';
import type { ApiContext } from '../context.ts';
import { abortMigration } from '../migrations/abort.ts';
import { attemptsOf } from '../migrations/attempts.ts';
import { startMigration } from '../migrations/start.ts';
import { targetsOf } from '../migrations/targets.ts';
import { accountOf, everyones, scopeOf } from '../plugins/auth.ts';

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
      summary: 'List moves, newest first; with `all` those of all tenants, for the operator',
      querystring: listMigrationsQuerySchema,
      response: { 200: listOf(migrationViewSchema) },
    },
    handler: async (request) => {
      const { compute, device, state: states, all, ...page } = request.query;
      return listMigrations(db, everyones(request, all), {
        ...{ ...page, states },
        compute: compute === undefined ? undefined : (await computeInScope(db, scopeOf(request), compute)).id,
        device: device === undefined ? undefined : (await getDevice(db, device)).id,
      });
    },
  });

  app.get('/migrations/statistics', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'How moves went; with `all` those of all tenants, for the operator',
      querystring: statisticsQuerySchema,
      response: { 200: migrationStatisticsSchema },
    },
    handler: (request) => {
      const { seconds, all } = request.query;
      return migrationStatistics(db, everyones(request, all), seconds);
    },
  });

  app.get('/computes/:id/targets', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List the other devices: whether a compute could move there now, and what that would cost',
      params,
      response: { 200: listOf(computeTargetSchema) },
    },
    handler: async (request) => {
      // As many as there are devices: what is asked for is all of them at once.
      return { items: await targetsOf(context, scopeOf(request), request.params.id), nextCursor: null };
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

  app.get('/migrations/:id/attempts', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List the steps of a move that did not go well at once, with their failures',
      params,
      response: { 200: listOf(attemptSchema), ...problemAnswers(503) },
    },
    handler: async (request) => {
      const migration = await migrationInScope(db, scopeOf(request), request.params.id);
      return { items: await attemptsOf(context, migration), nextCursor: null };
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
