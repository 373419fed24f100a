import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { storableText } from '../../core/storableText.ts';
import { audit } from '../audit.ts';
import type { ApiContext } from '../context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Codes of what spoke against the request. */
    refusedFor: string[];
    /** The address that it came from, also when its sender is gone. */
    cameFrom: string;
  }
}

const CHANGING = ['POST', 'PUT', 'PATCH', 'DELETE'];
/** Refused for who asked, not for what was asked: of reading, too. */
const REFUSED = [401, 403];

/**
 * Writes down every change and every refusal, before it is answered: nobody is told of a change that has no entry, unless the
 * database is away.
 */
export const auditPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  app.decorateRequest('refusedFor');
  app.decorateRequest('cameFrom', '');
  app.addHook('onRequest', (request, _reply, done) => {
    request.refusedFor = [];
    // A connection that was cut has none any more.
    request.cameFrom = request.ip;
    done();
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const { statusCode } = reply;
    if (request.is404) return payload;
    if (!CHANGING.includes(request.method) && !REFUSED.includes(statusCode)) return payload;
    await audit(context.db, request.log, entryOf(request, statusCode));
    return payload;
  });
  return Promise.resolve();
});

function entryOf(request: FastifyRequest, status: number) {
  const { method, signedIn, tenant, refusedFor, cameFrom } = request;
  const named = Object.values((request.params ?? {}) as Record<string, string>);
  const route = (request.routeOptions.url ?? '').replace('/api/v1', '');
  return {
    accountId: signedIn?.accountId ?? null,
    email: signedIn?.email ?? null,
    tenantId: tenant?.id ?? null,
    action: `${method} ${route}`,
    subject: named.length === 0 ? null : storableText(named.join(' ')).slice(0, 300),
    address: cameFrom,
    status,
    causes: refusedFor,
  };
}
