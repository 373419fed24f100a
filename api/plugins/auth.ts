import cookie from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';
import { findSignedIn, type SignedIn } from '../../db/tokens.ts';
import type { ApiContext } from '../context.ts';
import { hashSecret } from '../secrets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null only on routes that are open to all. */
    signedIn: SignedIn | null;
  }
  interface FastifyContextConfig {
    /** Open to all; everything else needs a token or a session. */
    open?: boolean;
  }
}

export const SESSION_COOKIE = 'drayage_session';

/** Lets nobody pass without a valid token or session, except on routes whose config says `open`. */
export const authPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  await app.register(cookie);
  app.decorateRequest('signedIn', null);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.open === true || request.is404) return;
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
  });
});

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
