import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';
import { claimIdempotencyKey, freeIdempotencyKey, storeIdempotentAnswer } from '../../db/idempotency.ts';
import type { ApiContext } from '../context.ts';
import { accountOf } from './auth.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The Idempotency-Key this request holds; its answer is kept for repetitions. */
    claimedKey: string | null;
  }
  interface FastifyContextConfig {
    /** Starts work: an Idempotency-Key is honoured. */
    idempotent?: boolean;
  }
}

/** A request with an Idempotency-Key is done once; repeated, it gets the first answer again. */
export const idempotencyPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  const { db } = context;
  app.decorateRequest('claimedKey', null);
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (request.routeOptions.config.idempotent !== true || key === undefined) return;
    if (typeof key !== 'string' || key.length > 255 || key === '') throw badKey();
    const claim = await claimIdempotencyKey(db, accountOf(request).accountId, key, requestHash(request));
    if (claim.action === 'proceed') {
      request.claimedKey = key;
      return;
    }
    if (claim.action === 'mismatch') throw reusedKey();
    if (claim.action === 'wait') throw busyKey();
    const { status, contentType, body } = claim.answer;
    // A body that streams in is read and dropped, so that its sender sees the answer.
    request.raw.resume();
    await reply
      .code(status)
      .header('idempotency-replayed', 'true')
      .type(contentType ?? 'application/json')
      .serializer((payload: unknown) => JSON.stringify(payload))
      .send(body);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const { claimedKey } = request;
    if (claimedKey === null) return payload;
    request.claimedKey = null;
    const { accountId } = accountOf(request);
    // What failed on our side may well succeed next time.
    if (reply.statusCode >= 500 || typeof payload !== 'string')
      await freeIdempotencyKey(db, accountId, claimedKey);
    else {
      const contentType = String(reply.getHeader('content-type') ?? 'application/json');
      await storeIdempotentAnswer(db, accountId, claimedKey, {
        status: reply.statusCode,
        contentType,
        body: JSON.parse(payload),
      });
    }
    return payload;
  });
  return Promise.resolve();
});

/** A body that streams in has not come yet: of an upload its parameters count. */
function requestHash(request: FastifyRequest): string {
  const body = request.body instanceof Readable ? null : (request.body ?? null);
  return createHash('sha256')
    .update(JSON.stringify([request.method, request.url, body]))
    .digest('hex');
}

const badKey = () =>
  new DrayageError({
    code: 'invalid',
    message: 'The Idempotency-Key is empty or too long.',
    mend: 'Send 1 to 255 characters.',
  });
const reusedKey = () =>
  new DrayageError({
    code: 'idempotencyKeyReused',
    message: 'The Idempotency-Key was sent with another request before.',
    mend: 'Use a new key for every request.',
  });
const busyKey = () =>
  new DrayageError({
    code: 'idempotencyKeyBusy',
    message: 'The first request with this Idempotency-Key is still being answered.',
    mend: 'Try again in a moment.',
  });
