import rateLimit from '@fastify/rate-limit';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { DrayageError } from '../../core/cause.ts';
import {
  discoverRequestSchema,
  discoverResponseSchema,
  type DiscoverRequest,
  type DiscoverResponse,
} from '../../core/deviceApi.ts';
import { JOIN_REQUESTS_PER_MINUTE } from '../../core/discovery.ts';
import { discoverDevice } from '../../db/discovery.ts';
import { type ApiContext, freshId } from '../context.ts';
import { provedKeyHash } from './identity.ts';

/** Anybody on the network may send one: an inventory is a few KB. */
const BODY_LIMIT = 64 * 2 ** 10;

/** The one route for devices that join by themselves: to ask, to wait and to fetch the certificate is the same request. */
export const discoveryRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  await app.register(rateLimit, {
    global: false,
    errorResponseBuilder: (_request, { after }) =>
      new DrayageError({
        code: 'tooManyRequests',
        message: 'Too many requests to join from this address.',
        mend: `Try again in ${after}.`,
      }),
  });

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
 * @throws DrayageError keyNotProved, deviceRefused, tooManyDiscovered, badCsr
 */
async function askToJoin(
  { authority, config, db }: ApiContext,
  { csr, name, inventory }: DiscoverRequest,
  provedKey: string | null,
): Promise<DiscoverResponse> {
  const publicKeyHash = await authority.publicKeyHash(csr);
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
  const device = await discoverDevice(db, { id: freshId('device'), name, publicKeyHash, inventory });
  if (device.state === 'discovered') return { state: 'discovered', deviceId: device.id };
  const { certificate } = await authority.signRequest(csr, device.id);
  return {
    state: 'joined',
    deviceId: device.id,
    certificate,
    ca: authority.certificate,
    temporal: config.deviceTemporal,
  };
}
