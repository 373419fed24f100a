import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { DrayageError } from '../../core/cause.ts';
import { clockCauses } from '../../core/clockCauses.ts';
import {
  discoverRequestSchema,
  discoverResponseSchema,
  type DiscoverRequest,
  type DiscoverResponse,
} from '../../core/deviceApi.ts';
import { JOIN_REQUESTS_PER_MINUTE } from '../../core/discovery.ts';
import { discoverDevice } from '../../db/discovery.ts';
import { type ApiContext, freshId } from '../context.ts';
import { requireNone } from '../placement.ts';
import { registerRateLimit } from '../rateLimit.ts';
import { provedKeyHash } from './identity.ts';
import { certify, clockOffset } from './join.ts';
import { requireVersion } from './requireVersion.ts';

/** Anybody on the network may send one: an inventory is a few KB. */
const BODY_LIMIT = 64 * 2 ** 10;

/** The one route for devices that join by themselves: to ask, to wait and to fetch the certificate is the same request. */
export const discoveryRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  await registerRateLimit(app, 'Too many requests to join from this address.');

  app.post('/discovery', {
    // Every three seconds from every device that waits.
    logLevel: 'warn',
    bodyLimit: BODY_LIMIT,
    config: {
      certificateOptional: true,
      rateLimit: { max: JOIN_REQUESTS_PER_MINUTE, timeWindow: 60_000 },
    },
    schema: { body: discoverRequestSchema, response: { 200: discoverResponseSchema } },
    handler: (request) => askToJoin(context, request.body, provedKeyHash(request)),
  });
};

/**
 * Writes down that a device would like to join, or gives it its certificate once the operator has approved it.
 * `provedKey` is the hash of the key that the connection has proved.
 * @throws DrayageError versionsApart, keyNotProved, clockWrong, deviceRefused, tooManyDiscovered, badCsr
 */
async function askToJoin(
  context: ApiContext,
  { csr, name, inventory, clock }: DiscoverRequest,
  provedKey: string | null,
): Promise<DiscoverResponse> {
  requireVersion(inventory.version);
  const publicKeyHash = await context.authority.publicKeyHash(csr);
  if (provedKey !== publicKeyHash) {
    throw new DrayageError({
      code: 'keyNotProved',
      message:
        provedKey === null
          ? 'The connection shows no certificate of the key that is to be certified.'
          : 'The connection shows a certificate of another key than the one that is to be certified.',
      mend: 'Connect with a certificate of that key; one that the device made itself is enough.',
    });
  }
  const clockOffsetMs = clockOffset(clock);
  requireNone(clockCauses(name, clockOffsetMs));
  const values = { id: freshId('device'), name, publicKeyHash, inventory, clockOffsetMs };
  const device = await discoverDevice(context.db, values);
  if (device.state === 'discovered') return { state: 'discovered', deviceId: device.id };
  return { state: 'joined', ...(await certify(context, csr, device.id)) };
}
