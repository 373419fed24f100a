import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { acceptedSchema, idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import { computeSchema, createComputeRequestSchema } from '../../core/api/computes.ts';
import { getCompute, listComputes } from '../../db/computes.ts';
import { makeCompute, operate } from '../computes/operate.ts';
import { computeView } from '../computes/view.ts';
import type { ApiContext } from '../context.ts';
import { accountOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['computes'];

/** Computes and what is done to them. */
export const computeRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/computes', {
    schema: {
      tags,
      summary: 'List computes',
      querystring: pageQuerySchema,
      response: { 200: listOf(computeSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listComputes(db, request.query);
      return { items: items.map(computeView), nextCursor };
    },
  });

  app.post('/computes', {
    config: { idempotent: true },
    schema: {
      tags,
      summary: 'Create and start a compute',
      body: createComputeRequestSchema,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) =>
      reply.code(202).send(await makeCompute(context, request.body, accountOf(request).accountId)),
  });

  app.get('/computes/:id', {
    schema: { tags, summary: 'Show a compute', params, response: { 200: computeSchema } },
    handler: async (request) => computeView(await getCompute(db, request.params.id)),
  });

  for (const operation of ['start', 'stop'] as const) {
    app.post(`/computes/:id/${operation}`, {
      config: { idempotent: true },
      schema: {
        tags,
        summary: `${operation === 'start' ? 'Start' : 'Stop'} a compute`,
        params,
        response: { 202: acceptedSchema },
      },
      handler: async (request, reply) =>
        reply.code(202).send(await operate(context, request.params.id, operation)),
    });
  }

  app.delete('/computes/:id', {
    schema: {
      tags,
      summary: 'Delete a compute with its files and volumes',
      params,
      response: { 202: acceptedSchema },
    },
    handler: async (request, reply) =>
      reply.code(202).send(await operate(context, request.params.id, 'remove')),
  });
  return Promise.resolve();
};
