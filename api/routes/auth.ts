import rateLimit from '@fastify/rate-limit';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  createTokenRequestSchema,
  createTokenResponseSchema,
  meSchema,
  signInRequestSchema,
  signInResponseSchema,
  tokenSchema,
  type TokenView,
} from '../../core/api/auth.ts';
import { idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import { DrayageError } from '../../core/cause.ts';
import { accountByEmail } from '../../db/accounts.ts';
import { addEvent } from '../../db/events.ts';
import { createToken, listTokens, removeToken, type Token } from '../../db/tokens.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf, SESSION_COOKIE } from '../plugins/auth.ts';
import { hashSecret, newSecret, verifyPassword } from '../secrets.ts';

const SESSION_SECONDS = 30 * 86_400;
const SIGN_INS_PER_MINUTE = 10;

/** Signing in and out, and tokens for programs. */
export const authRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;
  await app.register(rateLimit, {
    global: false,
    errorResponseBuilder: (_request, { after }) =>
      new DrayageError({
        code: 'tooManyRequests',
        message: 'Too many sign-ins.',
        mend: `Try again in ${after}.`,
      }),
  });

  app.post('/auth/sign-in', {
    config: { open: true, rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: 60_000 } },
    schema: {
      tags: ['auth'],
      summary: 'Sign in',
      body: signInRequestSchema,
      response: { 200: signInResponseSchema },
    },
    handler: async (request, reply) => {
      const { email, password, session } = request.body;
      const account = await accountByEmail(db, email);
      const right = await verifyPassword(password, account?.passwordHash ?? null);
      if (!account || !right) {
        throw new DrayageError({
          code: 'signInRefused',
          message: 'Email or password is wrong.',
          mend: "The first account is in admin.json in the control plane's data directory; `drayage lab status --json` shows it.",
        });
      }
      const secret = `drs_${newSecret()}`;
      const row = await createToken(db, {
        id: freshId('token'),
        accountId: account.id,
        kind: 'session',
        name: session,
        secretHash: hashSecret(secret),
        lifeSeconds: SESSION_SECONDS,
      });
      await addEvent(db, {
        type: 'account.signedIn',
        subject: account.id,
        actor: account.id,
        message: `${email} signed in.`,
      });
      if (session === 'cookie') setSessionCookie(reply, secret, request.protocol === 'https');
      const expiresAt = (row.expiresAt ?? new Date()).toISOString();
      const { id, role } = account;
      return { account: { id, email, role }, expiresAt, ...(session === 'token' ? { token: secret } : {}) };
    },
  });

  app.post('/auth/sign-out', {
    schema: { tags: ['auth'], summary: 'End this session', response: { 204: z.null() } },
    handler: async (request, reply) => {
      const { accountId, tokenId } = accountOf(request);
      await removeToken(db, accountId, tokenId);
      return reply.clearCookie(SESSION_COOKIE, { path: '/' }).code(204).send(null);
    },
  });

  app.get('/auth/me', {
    schema: { tags: ['auth'], summary: 'Who am I', response: { 200: meSchema } },
    handler: (request) => {
      const { accountId, email, role } = accountOf(request);
      return Promise.resolve({ id: accountId, email, role });
    },
  });

  app.get('/tokens', {
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
      const row = await createToken(db, {
        id,
        accountId,
        kind: 'api',
        name,
        secretHash: hashSecret(secret),
        lifeSeconds,
      });
      await addEvent(db, {
        type: 'token.created',
        subject: id,
        actor: accountId,
        message: `Token ${name} was made.`,
      });
      return reply.code(201).send({ ...tokenView(row), secret });
    },
  });

  app.delete('/tokens/:id', {
    schema: {
      tags: ['auth'],
      summary: 'Delete a token',
      params: z.object({ id: idOrNameSchema }),
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      const { accountId } = accountOf(request);
      await removeToken(db, accountId, request.params.id);
      await addEvent(db, {
        type: 'token.deleted',
        subject: request.params.id,
        actor: accountId,
        message: 'The token was deleted.',
      });
      return reply.code(204).send(null);
    },
  });
};

function setSessionCookie(reply: FastifyReply, secret: string, secure: boolean): void {
  void reply.setCookie(SESSION_COOKIE, secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure,
    maxAge: SESSION_SECONDS,
  });
}

function tokenView(row: Token): TokenView {
  return {
    id: row.id,
    name: row.name,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
  };
}
