import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema, problemAnswers } from '../../core/api/common.ts';
import { createGroupSchema, groupSchema, type GroupView } from '../../core/api/groups.ts';
import { createGroup, groupInScope, type GroupRecord, listGroups, removeGroup } from '../../db/groups.ts';
import { type ApiContext, freshId } from '../context.ts';
import { scopeOf, tenantOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['groups'];

/** Groups of computes that move as one. */
export const groupRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/groups', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'List groups',
      querystring: pageQuerySchema,
      response: { 200: listOf(groupSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listGroups(db, tenantOf(request).id, request.query);
      return { items: items.map(view), nextCursor };
    },
  });

  app.post('/groups', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Make a group, whose computes will be on one device and move as one',
      body: createGroupSchema,
      response: { 201: groupSchema, ...problemAnswers(409) },
    },
    handler: async (request, reply) => {
      const values = { id: freshId('group'), tenantId: tenantOf(request).id, name: request.body.name };
      return reply.code(201).send(view(await createGroup(db, values)));
    },
  });

  app.get('/groups/:id', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'Show a group',
      params,
      response: { 200: groupSchema, ...problemAnswers(404) },
    },
    handler: async (request) => view(await groupInScope(db, scopeOf(request), request.params.id)),
  });

  app.delete('/groups/:id', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Delete a group that has no computes',
      params,
      response: { 204: z.null(), ...problemAnswers(404, 409) },
    },
    handler: async (request, reply) => {
      await removeGroup(db, scopeOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  });
  return Promise.resolve();
};

function view({ id, name, placement, computes, createdAt }: GroupRecord): GroupView {
  return {
    ...{ id, name, computes },
    device: placement && { id: placement.deviceId, name: placement.deviceName },
    epoch: placement?.epoch ?? 0,
    createdAt: createdAt.toISOString(),
  };
}
