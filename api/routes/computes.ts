import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { acceptedSchema, idOrNameSchema, listOf } from '../../core/api/common.ts';
import {
  computeSchema,
  createComputeRequestSchema,
  listComputesQuerySchema,
  updateComputeRequestSchema,
} from '../../core/api/computes.ts';
import { metricsQuerySchema, metricsSchema } from '../../core/api/metrics.ts';
import { computeInScope, listComputes } from '../../db/computes.ts';
import { getDevice } from '../../db/devices.ts';
import { makeCompute, operate } from '../computes/operate.ts';
import { updateCompute } from '../computes/update.ts';
import { computeView } from '../computes/view.ts';
import { readFleet } from '../fleet.ts';
import { metricsView } from '../metricsView.ts';
import type { ApiContext } from '../context.ts';
import { accountOf, everyones, scopeOf, tenantOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['computes'];

/** Computes and what is done to them. */
export const computeRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/computes', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List computes; with `all` those of all tenants, for the operator',
      querystring: listComputesQuerySchema,
      response: { 200: listOf(computeSchema) },
    },
    handler: async (request) => {
      const { limit, cursor, label, device, all } = request.query;
      const { items, nextCursor } = await listComputes(db, everyones(request, all), {
        ...{ limit, cursor },
        labels: Object.keys(label).length === 0 ? undefined : label,
        deviceId: device === undefined ? undefined : (await getDevice(db, device)).id,
      });
      const fleet = await readFleet(db);
      return { items: items.map((row) => computeView(row, fleet)), nextCursor };
    },
  });

  app.post('/computes', {
    config: { needs: 'member', idempotent: true },
    schema: {
      tags,
      summary: 'Create and start a compute',
      body: createComputeRequestSchema,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) =>
      reply
        .code(202)
        .send(await makeCompute(context, tenantOf(request).id, request.body, accountOf(request).accountId)),
  });

  app.get('/computes/:id', {
    config: { needs: 'viewer' },
    schema: { tags, summary: 'Show a compute', params, response: { 200: computeSchema } },
    handler: async (request) =>
      computeView(await computeInScope(db, scopeOf(request), request.params.id), await readFleet(db)),
  });

  app.get('/computes/:id/metrics', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'What a compute uses, on whichever device it is',
      params,
      querystring: metricsQuerySchema,
      response: { 200: metricsSchema },
    },
    handler: async (request) => {
      const { id } = await computeInScope(db, scopeOf(request), request.params.id);
      return metricsView(db, id, request.query.seconds);
    },
  });

  app.patch('/computes/:id', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Change limits, labels, restart policy or health check of a compute',
      description: `What is not named stays as it is. A running compute is changed as it runs. \`lastUpdate\` of the compute says
what became of the change.`,
      params,
      body: updateComputeRequestSchema,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) => {
      const { accountId } = accountOf(request);
      const { id } = request.params;
      return reply
        .code(202)
        .send(await updateCompute(context, scopeOf(request), id, request.body, accountId));
    },
  });

  for (const operation of ['start', 'stop'] as const) {
    app.post(`/computes/:id/${operation}`, {
      config: { needs: 'member', idempotent: true },
      schema: {
        tags,
        summary: `${operation === 'start' ? 'Start' : 'Stop'} a compute`,
        params,
        response: { 202: acceptedSchema },
      },
      handler: async (request, reply) =>
        reply.code(202).send(await operate(context, scopeOf(request), request.params.id, operation)),
    });
  }

  app.delete('/computes/:id', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Delete a compute with its files and volumes',
      params,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) =>
      reply.code(202).send(await operate(context, scopeOf(request), request.params.id, 'remove')),
  });
  return Promise.resolve();
};
