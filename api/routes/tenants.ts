import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import {
  changeQuotaRequestSchema,
  createTenantRequestSchema,
  quotaViewSchema,
  tenantSchema,
  type TenantView,
} from '../../core/api/tenants.ts';
import type { Database } from '../../db/database.ts';
import { usageOf } from '../../db/quotas.ts';
import {
  createTenant,
  listTenants,
  removeTenant,
  setQuota,
  type Tenant,
  type TenantOfAccount,
} from '../../db/tenants.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf, tenantOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['tenants'];

/** Tenants and what they may have. */
export const tenantRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/tenants', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'List the tenants that one is a member of; an operator sees all',
      querystring: pageQuerySchema,
      response: { 200: listOf(tenantSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listTenants(db, accountOf(request), request.query);
      return { items: items.map(tenantView), nextCursor };
    },
  });

  app.post('/tenants', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'Make a tenant; who makes it is its owner',
      body: createTenantRequestSchema,
      response: { 201: tenantSchema },
    },
    handler: async (request, reply) => {
      const owner = accountOf(request).accountId;
      const made = await createTenant(db, { id: freshId('tenant'), name: request.body.name, owner });
      return reply.code(201).send(tenantView({ ...made, role: 'owner' }));
    },
  });

  app.get('/tenants/:id', {
    config: { needs: 'viewer', tenantInPath: true },
    schema: { tags, summary: 'Show a tenant', params, response: { 200: tenantSchema } },
    handler: (request) => Promise.resolve(tenantView(tenantOf(request))),
  });

  app.delete('/tenants/:id', {
    config: { needs: 'owner', tenantInPath: true },
    schema: {
      tags,
      summary: 'Delete a tenant that has no computes and images',
      params,
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      await removeTenant(db, tenantOf(request).id, accountOf(request).accountId);
      return reply.code(204).send(null);
    },
  });

  app.get('/tenants/:id/quota', {
    config: { needs: 'viewer', tenantInPath: true },
    schema: {
      tags,
      summary: 'What a tenant may have at most, and what it has',
      params,
      response: { 200: quotaViewSchema },
    },
    handler: (request) => quotaView(db, tenantOf(request)),
  });

  app.patch('/tenants/:id/quota', {
    config: { needs: 'operator', tenantInPath: true },
    schema: {
      tags,
      summary: 'Change what a tenant may have; what it has already stays',
      params,
      body: changeQuotaRequestSchema,
      response: { 200: quotaViewSchema },
    },
    handler: async (request) => quotaView(db, await setQuota(db, tenantOf(request).id, request.body)),
  });
  return Promise.resolve();
};

async function quotaView(db: Database, { id, computes, memoryBytes, cpus, imageBytes }: Tenant) {
  return { quota: { computes, memoryBytes, cpus, imageBytes }, used: await usageOf(db, id) };
}

function tenantView({ id, name, role, createdAt }: TenantOfAccount): TenantView {
  return { id, name, role, createdAt: createdAt.toISOString() };
}
