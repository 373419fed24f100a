import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  createTokenRequestSchema,
  createTokenResponseSchema,
  meSchema,
  registerRequestSchema,
  signInRequestSchema,
  signInResponseSchema,
  tokenSchema,
  type TokenView,
} from '../../core/api/auth.ts';
import { idOrNameSchema, listOf, pageQuerySchema, problemAnswers } from '../../core/api/common.ts';
import { addEvent } from '../../db/events.ts';
import { createToken, listTokens, removeToken, type Token } from '../../db/tokens.ts';
import { register } from '../accounts/register.ts';
import { beginSession, checkPassword, meOf } from '../accounts/signIn.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf, SESSION_COOKIE } from '../plugins/auth.ts';
import { registerRateLimit } from '../rateLimit.ts';
import { hashSecret, newSecret } from '../secrets.ts';

const SIGN_INS_PER_MINUTE = 10;

/** Registering, signing in and out, and tokens for programs. */
export const authRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;
  await registerRateLimit(app, 'Too many attempts from this address.');
  const slowed = { max: SIGN_INS_PER_MINUTE, timeWindow: 60_000 };

  app.post('/auth/register', {
    config: { needs: 'open', rateLimit: slowed },
    schema: {
      tags: ['auth'],
      summary: 'Make an account and sign in',
      body: registerRequestSchema,
      response: { 201: signInResponseSchema, ...problemAnswers(403) },
    },
    handler: async (request, reply) => {
      const account = await register(context, request.body);
      return reply.code(201).send(await beginSession(context, account, request.body.session, reply));
    },
  });

  app.post('/auth/sign-in', {
    config: { needs: 'open', rateLimit: slowed },
    schema: {
      tags: ['auth'],
      summary: 'Sign in',
      body: signInRequestSchema,
      response: { 200: signInResponseSchema, ...problemAnswers(401) },
    },
    handler: async (request, reply) => {
      const { email, password, session } = request.body;
      return beginSession(context, await checkPassword(context, email, password), session, reply);
    },
  });

  app.post('/auth/sign-out', {
    config: { needs: 'signedIn' },
    schema: { tags: ['auth'], summary: 'End this session', response: { 204: z.null() } },
    handler: async (request, reply) => {
      const { accountId, tokenId } = accountOf(request);
      await removeToken(db, accountId, tokenId);
      return reply.clearCookie(SESSION_COOKIE, { path: '/' }).code(204).send(null);
    },
  });

  app.get('/auth/me', {
    config: { needs: 'signedIn' },
    schema: { tags: ['auth'], summary: 'Who am I', response: { 200: meSchema } },
    handler: (request) => {
      const { accountId, email, role } = accountOf(request);
      return meOf(context, { id: accountId, email, role });
    },
  });

  app.get('/tokens', {
    config: { needs: 'signedIn' },
    schema: {
      tags: ['auth'],
      summary: 'List tokens',
      querystring: pageQuerySchema,
      response: { 200: listOf(tokenSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listTokens(db, accountOf(request).accountId, request.query);
      return { items: items.map(tokenView), nextCursor };
    },
  });

  app.post('/tokens', {
    config: { needs: 'signedIn' },
    schema: {
      tags: ['auth'],
      summary: 'Make a token for a program; its secret is shown this once',
      body: createTokenRequestSchema,
      response: { 201: createTokenResponseSchema },
    },
    handler: async (request, reply) => {
      const { name, expiresInDays } = request.body;
      const { accountId } = accountOf(request);
      const id = freshId('token');
      const secret = `drt_${newSecret()}`;
      const lifeSeconds = expiresInDays === undefined ? null : expiresInDays * 86_400;
      const values = { id, accountId, name, secretHash: hashSecret(secret), lifeSeconds };
      const row = await db.transaction(async (tx) => {
        const made = await createToken(tx, { ...values, kind: 'api' });
        const message = `Token ${name} was made.`;
        await addEvent(tx, { type: 'token.created', subject: id, actor: accountId, message });
        return made;
      });
      return reply.code(201).send({ ...tokenView(row), secret });
    },
  });

  app.delete('/tokens/:id', {
    config: { needs: 'signedIn' },
    schema: {
      tags: ['auth'],
      summary: 'Delete a token',
      params: z.object({ id: idOrNameSchema }),
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      const { accountId } = accountOf(request);
      const { id } = request.params;
      await db.transaction(async (tx) => {
        await removeToken(tx, accountId, id);
        const message = 'The token was deleted.';
        await addEvent(tx, { type: 'token.deleted', subject: id, actor: accountId, message });
      });
      return reply.code(204).send(null);
    },
  });
};

function tokenView(row: Token): TokenView {
  return {
    id: row.id,
    name: row.name,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
  };
}
