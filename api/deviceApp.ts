import type { Server } from 'node:https';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiContext } from './context.ts';
import { deviceAuditPlugin } from './devices/audit.ts';
import { deviceIdentityPlugin } from './devices/identity.ts';
import { deviceApiRoutes } from './devices/routes.ts';
import { countRequests, type Metrics } from './metrics.ts';
import { storableTextPlugin } from './plugins/storableText.ts';
import { unknownRoutesPlugin } from './plugins/unknownRoutes.ts';
import { sendProblem } from './problem.ts';
import { SERVER_OPTIONS } from './serverOptions.ts';

/** The devices' API: HTTPS with certificates of our own authority on both sides; only joining works without one. */
export async function createDeviceApp(
  context: ApiContext,
  logger?: FastifyBaseLogger,
  metrics?: Metrics,
): Promise<FastifyInstance> {
  const { authority, identity } = context;
  const app = fastify<Server>({
    ...(logger ? { loggerInstance: logger } : {}),
    https: {
      key: identity.key,
      // The authority's own certificate goes along: who joins checks it against the token's fingerprint.
      cert: `${identity.certificate}\n${authority.certificate}`,
      ca: authority.certificate,
      requestCert: true,
      // Checked per route: joining needs none.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    },
    ...SERVER_OPTIONS,
  });
  const typed = (app as unknown as FastifyInstance).withTypeProvider<ZodTypeProvider>();
  typed.setValidatorCompiler(validatorCompiler);
  typed.setSerializerCompiler(serializerCompiler);
  typed.setErrorHandler(sendProblem);
  if (metrics) countRequests(typed, metrics);
  await typed.register(deviceAuditPlugin, { context });
  await typed.register(unknownRoutesPlugin);
  await typed.register(storableTextPlugin);
  await typed.register(deviceIdentityPlugin, { context });
  await typed.register(deviceApiRoutes, { context, prefix: '/device/v1' });
  return typed;
}
