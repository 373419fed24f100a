import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, problemAnswers } from '../../core/api/common.ts';
import {
  cancelRequestSchema,
  evacuateRequestSchema,
  evacuationAcceptedSchema,
  evacuationSchema,
  evacuationSummarySchema,
  listEvacuationsQuerySchema,
  plannedEvacuationSchema,
  rebalanceRequestSchema,
} from '../../core/api/evacuations.ts';
import { getDevice } from '../../db/devices.ts';
import { getEvacuation, listEvacuations } from '../../db/evacuations.ts';
import type { ApiContext } from '../context.ts';
import {
  type StartedEvacuation,
  startEvacuation,
  startRebalance,
  startReturn,
} from '../evacuations/start.ts';
import { cancelEvacuation, pauseEvacuation, resumeEvacuation } from '../evacuations/steer.ts';
import { evacuationSummaries, evacuationView } from '../evacuations/view.ts';
import { accountOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['evacuations'];
const answers = { 200: plannedEvacuationSchema, 202: evacuationAcceptedSchema, ...problemAnswers(404, 409) };

/** Many moves with one purpose. They are the operator's: a plan names what is whose. */
export const evacuationRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.post('/devices/:id/evacuations', {
    config: { needs: 'operator', idempotent: true },
    schema: {
      tags,
      summary: 'Empty a device: cordon it, and move everything off it; a dry run shows the plan only',
      params,
      body: evacuateRequestSchema.nullish().transform((body) => body ?? evacuateRequestSchema.parse({})),
      response: answers,
    },
    handler: async (request, reply) => {
      const { params: of, body } = request;
      const { row, ...rest } = await startEvacuation(context, of.id, body, accountOf(request).accountId);
      return row === null ? reply.code(200).send(rest.plan) : reply.code(202).send(accepted(row.id, rest));
    },
  });

  app.post('/evacuations/:id/return', {
    config: { needs: 'operator', idempotent: true },
    schema: {
      tags,
      summary: 'Bring back to a device what its evacuation has moved away',
      params,
      body: returnRequestSchema.nullish().transform((body) => body ?? returnRequestSchema.parse({})),
      response: answers,
    },
    handler: async (request, reply) => {
      const { params: of, body } = request;
      const { row, ...rest } = await startReturn(context, of.id, body, accountOf(request).accountId);
      return row === null ? reply.code(200).send(rest.plan) : reply.code(202).send(accepted(row.id, rest));
    },
  });

  app.post('/rebalances', {
    config: { needs: 'operator', idempotent: true },
    schema: {
      tags,
      summary:
        'Move computes from full devices to emptier ones, where that pays; a dry run shows what would be moved',
      body: rebalanceRequestSchema.nullish().transform((body) => body ?? rebalanceRequestSchema.parse({})),
      response: answers,
    },
    handler: async (request, reply) => {
      const { row, ...rest } = await startRebalance(context, request.body, accountOf(request).accountId);
      return row === null ? reply.code(200).send(rest.plan) : reply.code(202).send(accepted(row.id, rest));
    },
  });

  app.get('/evacuations', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'List evacuations, returns and rebalances, newest first',
      querystring: listEvacuationsQuerySchema,
      response: { 200: listOf(evacuationSummarySchema) },
    },
    handler: async (request) => {
      const { device, ...query } = request.query;
      const deviceId = device === undefined ? undefined : (await getDevice(db, device)).id;
      const { items, nextCursor } = await listEvacuations(db, { ...query, deviceId });
      return { items: await evacuationSummaries(db, items), nextCursor };
    },
  });

  app.get('/evacuations/:id', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Show an evacuation with its plan and how far it is',
      params,
      response: { 200: evacuationSchema, ...problemAnswers(404) },
    },
    handler: async (request) => evacuationView(db, await getEvacuation(db, request.params.id)),
  });

  const changes = [
    { path: 'pause', summary: 'Start no more moves until it is resumed', change: pauseEvacuation },
    { path: 'resume', summary: 'Go on after a pause', change: resumeEvacuation },
  ];
  for (const { path, summary, change } of changes) {
    app.post(`/evacuations/:id/${path}`, {
      config: { needs: 'operator' },
      schema: { tags, summary, params, response: { 200: evacuationSchema, ...problemAnswers(404, 409) } },
      handler: async (request) =>
        evacuationView(db, await change(context, request.params.id, accountOf(request).accountId)),
    });
  }

  app.post('/evacuations/:id/cancel', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'End an evacuation early; moves under way end as they would, or are rolled back',
      params,
      body: cancelRequestSchema.nullish().transform((body) => body ?? cancelRequestSchema.parse({})),
      response: { 200: evacuationSchema, ...problemAnswers(404, 409) },
    },
    handler: async (request) => {
      const { id } = request.params;
      const row = await cancelEvacuation(context, id, request.body.moves, accountOf(request).accountId);
      return evacuationView(db, row);
    },
  });
  return Promise.resolve();
};

const returnRequestSchema = evacuateRequestSchema.pick({ caps: true, dryRun: true });

function accepted(id: string, { runId, plan }: Omit<StartedEvacuation, 'row'>) {
  return { id, workflowId: id, runId, plan };
}
