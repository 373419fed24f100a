import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf, pageQuerySchema } from '../../core/api/common.ts';
import { addRegistrySchema, registrySchema, type RegistryView } from '../../core/api/registries.ts';
import { idSchema } from '../../core/ids.ts';
import { listRegistries, type RegistryCredential, removeRegistry, setRegistry } from '../../db/registries.ts';
import { type ApiContext, freshId } from '../context.ts';
import { scopeOf, tenantOf } from '../plugins/auth.ts';
import { registryKey, sealedFor } from '../registries/pull.ts';
import { sealText } from '../sealedText.ts';

const tags = ['registries'];

/** How a tenant signs in at registries. A password goes in and never comes out. */
export const registryRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, authority } = context;

  app.get('/registries', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'List the registries that there are credentials for',
      querystring: pageQuerySchema,
      response: { 200: listOf(registrySchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listRegistries(db, tenantOf(request).id, request.query);
      return { items: items.map(registryView), nextCursor };
    },
  });

  app.post('/registries', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Keep credentials for a registry; those that there were for the same one are replaced',
      body: addRegistrySchema,
      response: { 201: registrySchema },
    },
    handler: async (request, reply) => {
      const { host, username, password } = request.body;
      const tenantId = tenantOf(request).id;
      const sealedPassword = sealText(registryKey(authority), sealedFor(tenantId, host), password);
      const made = await setRegistry(db, {
        ...{ id: freshId('registry'), tenantId, host, username, sealedPassword },
      });
      return reply.code(201).send(registryView(made));
    },
  });

  app.delete('/registries/:id', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Forget the credentials for a registry',
      params: z.object({ id: idSchema('registry') }),
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      await removeRegistry(db, scopeOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  });
  return Promise.resolve();
};

function registryView({ id, host, username, createdAt }: RegistryCredential): RegistryView {
  return { id, host, username, createdAt: createdAt.toISOString() };
}
