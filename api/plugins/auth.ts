import cookie from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';
import { decideAccess, type Need, type Scope } from '../../core/tenancy.ts';
import { unknown } from '../../db/database.ts';
import { findTenant, type TenantOfAccount } from '../../db/tenants.ts';
import { findSignedIn, type SignedIn } from '../../db/tokens.ts';
import type { ApiContext } from '../context.ts';
import { hashSecret } from '../secrets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null only on routes that are open to all. */
    signedIn: SignedIn | null;
    /** The tenant that the request is about, of those that who asks may know. */
    tenant: TenantOfAccount | null;
  }
  interface FastifyContextConfig {
    /** What who asks has to be. Without it nobody may ask. */
    needs?: Need;
    /** The tenant is the one in the path (`/tenants/:id/...`), not the one of the header. */
    tenantInPath?: boolean;
  }
}

export const SESSION_COOKIE = 'drayage_session';
/**
 * Names the tenant of a request, by id or name; `?tenant=` does where a browser cannot set a header. Without either it is the
 * one that the account has been a member of for longest.
 */
export const TENANT_HEADER = 'x-drayage-tenant';

/** Lets nobody pass who is not what the route's config says that it needs. */
export const authPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  await app.register(cookie);
  app.decorateRequest('signedIn', null);
  app.decorateRequest('tenant', null);
  app.addHook('onRequest', async (request) => {
    const { needs, tenantInPath = false } = request.routeOptions.config;
    if (needs === 'open' || request.is404) return;
    const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const secret = bearer ?? request.cookies[SESSION_COOKIE];
    const signedIn = secret === undefined ? null : await findSignedIn(context.db, hashSecret(secret));
    if (!signedIn) {
      throw new DrayageError({
        code: 'notSignedIn',
        message:
          secret === undefined ? 'This needs a sign-in.' : 'The token or session is unknown or has ended.',
        mend: 'Sign in with `drayage login`, or send a token as `Authorization: Bearer`.',
      });
    }
    if (bearer === undefined) refuseCrossSite(request);
    request.signedIn = signedIn;
    if (needs === undefined)
      throw new Error(`the route ${request.routeOptions.url ?? ''} does not say what it needs`);
    const named = tenantInPath ? (request.params as { id: string }).id : tenantNamed(request);
    request.tenant = await findTenant(context.db, signedIn, named);
    if (named !== undefined && request.tenant === null) throw unknown('tenant', named);
    const decision = decideAccess(needs, {
      operator: signedIn.role === 'operator',
      role: request.tenant?.role ?? null,
    });
    if (decision.action === 'refuse') throw new DrayageError(decision.cause);
  });
});

/** The id or name by which a request names its tenant. */
export function tenantNamed(request: FastifyRequest): string | undefined {
  const named = request.headers[TENANT_HEADER] ?? (request.query as { tenant?: unknown }).tenant;
  return typeof named === 'string' && named !== '' ? named : undefined;
}

/** The tenant that a request is about. @throws DrayageError tenantNeeded, of an operator that is in none and names none */
export function tenantOf(request: FastifyRequest): TenantOfAccount {
  if (request.tenant) return request.tenant;
  throw new DrayageError({
    code: 'tenantNeeded',
    message: 'The request is about no tenant.',
    mend: `Name one in the header ${TENANT_HEADER}, or for the CLI in DRAYAGE_TENANT.`,
  });
}

/** What a request may see. */
export function scopeOf(request: FastifyRequest): Scope {
  return { tenantId: request.tenant?.id ?? '', everywhere: accountOf(request).role === 'operator' };
}

/** Whose things a list has: the tenant's, or everybody's (null) when an operator asks for all. */
export function everyones(request: FastifyRequest, all: boolean): string | null {
  return all && scopeOf(request).everywhere ? null : tenantOf(request).id;
}

/** Who asks, on a route that is not open. */
export function accountOf(request: FastifyRequest): SignedIn {
  if (!request.signedIn) throw new Error('an open route asked who is signed in');
  return request.signedIn;
}

/**
 * A browser sends the cookie whoever made it ask. SameSite=Lax keeps it off other sites' POSTs; this refuses what is left:
 * sibling sites and WebSockets. Only what changes nothing may come without a word on where it comes from.
 */
function refuseCrossSite(request: FastifyRequest): void {
  const safe = ['GET', 'HEAD', 'OPTIONS'].includes(request.method) && request.headers.upgrade === undefined;
  if (safe) return;
  const site = request.headers['sec-fetch-site'];
  const origin = request.headers.origin;
  const sameOrigin = origin === undefined ? site === 'same-origin' : hostOf(origin) === request.headers.host;
  if (sameOrigin && (site === undefined || site === 'same-origin')) return;
  throw new DrayageError({
    code: 'crossSite',
    message: 'The request comes from another site.',
    mend: 'Use the page of this control plane itself, or a token.',
  });
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
