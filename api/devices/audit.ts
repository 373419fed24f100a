import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { z } from 'zod';
import { nameSchema } from '../../core/compute.ts';
import { audit } from '../audit.ts';
import type { ApiContext } from '../context.ts';
import { Refusals } from '../refusals.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A device is let in or gets a certificate here: that is written down, not only what is refused. */
    admits?: boolean;
  }
}

/** Between two entries of the same refusal, milliseconds: a device that is refused asks again and again. */
const AGAIN_MS = 600_000;
/** Of strangers at one address so many refusals a minute are written down at most. */
const STRANGERS_PER_MINUTE = 60;
/** What is refused for what is asked or who asks. That something is gone, or asked for too often, is nobody's fault. */
const REFUSED = [400, 401, 403, 409, 413];

/** Writes down which devices were let in, which got a certificate, and what spoke against whom. */
export const deviceAuditPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  const refusals = new Refusals(AGAIN_MS);
  const strangers = new Refusals(60_000);
  let turn = 0;
  const isPaced = ({ deviceId, claimedId, ip }: FastifyRequest) => {
    if (deviceId !== null || claimedId !== null) return true;
    turn = (turn + 1) % STRANGERS_PER_MINUTE;
    return strangers.isNew(`${ip} ${String(turn)}`);
  };
  app.decorateRequest('refusedFor');
  app.addHook('onRequest', (request, _reply, done) => {
    request.refusedFor = [];
    done();
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const { statusCode: status } = reply;
    if (request.is404) return payload;
    const entry = entryOf(request, status);
    const { action, subject, address, causes } = entry;
    const admitted = request.routeOptions.config.admits === true && status === 200;
    // A sign of life is taken although the device's clock is wrong.
    const refused = REFUSED.includes(status) || (status === 200 && causes.length > 0);
    const isNew = () => isPaced(request) && refusals.isNew([action, subject, address, ...causes].join(' '));
    if (admitted || (refused && isNew())) await audit(context.db, request.log, entry);
    return payload;
  });
  return Promise.resolve();
});

/** What one who is not let in calls itself. */
const claimSchema = z.object({ name: nameSchema });

function entryOf(request: FastifyRequest, status: number) {
  const claim = claimSchema.safeParse(request.body);
  return {
    action: `${request.method} ${request.routeOptions.url ?? ''}`,
    subject: request.deviceId ?? request.claimedId ?? claim.data?.name ?? null,
    address: request.ip,
    status,
    causes: request.refusedFor,
  };
}
