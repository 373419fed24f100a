import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { listOf, pageQuerySchema } from '../../core/api/common.ts';
import { auditEntrySchema, type AuditView } from '../../core/api/tenants.ts';
import { type AuditEntry, listAudit } from '../../db/audit.ts';
import type { ApiContext } from '../context.ts';
import { everyones } from '../plugins/auth.ts';
import { z } from 'zod';

/** Who changed what: an owner reads the tenant's entries, the operator all. */
export const auditRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get('/audit', {
    config: { needs: 'owner' },
    schema: {
      tags: ['audit'],
      summary: 'Who changed what, newest first; with `all` everything, for the operator',
      querystring: pageQuerySchema.extend({ all: z.stringbool().default(false) }),
      response: { 200: listOf(auditEntrySchema) },
    },
    handler: async (request) => {
      const { all, ...page } = request.query;
      const { items, nextCursor } = await listAudit(context.db, everyones(request, all), page);
      return { items: items.map(auditView), nextCursor };
    },
  });
  return Promise.resolve();
};

function auditView(row: AuditEntry): AuditView {
  const { at, accountId, email, tenantId, action, subject, address, status, causes } = row;
  return {
    at: at.toISOString(),
    account: accountId === null ? null : { id: accountId, email: email ?? '' },
    tenant: tenantId,
    ...{ action, subject, address, status, causes },
  };
}
