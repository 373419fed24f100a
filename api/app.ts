import websocket from '@fastify/websocket';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiContext } from './context.ts';
import { countRequests, createMetrics } from './metrics.ts';
import { authPlugin } from './plugins/auth.ts';
import { auditPlugin } from './plugins/audit.ts';
import { dashboardPlugin, dashboardRoutes } from './plugins/dashboard.ts';
import { idempotencyPlugin } from './plugins/idempotency.ts';
import { openApiPlugin } from './plugins/openapi.ts';
import { storableTextPlugin } from './plugins/storableText.ts';
import { unknownRoutesPlugin } from './plugins/unknownRoutes.ts';
import { sendProblem } from './problem.ts';
import { appRoutes } from './routes/apps.ts';
import { auditRoutes } from './routes/audit.ts';
import { authRoutes } from './routes/auth.ts';
import { computeStreamRoutes } from './routes/computeStreams.ts';
import { computeRoutes } from './routes/computes.ts';
import { deviceRoutes } from './routes/devices.ts';
import { eventRoutes } from './routes/events.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { evacuationRoutes } from './routes/evacuations.ts';
import { groupRoutes } from './routes/groups.ts';
import { healthRoutes } from './routes/health.ts';
import { imageRoutes } from './routes/images.ts';
import { imagePullRoutes } from './routes/imagePulls.ts';
import { imageUploadRoutes } from './routes/imageUploads.ts';
import { memberRoutes } from './routes/members.ts';
import { installationRoutes } from './routes/installation.ts';
import { migrationRoutes } from './routes/migrations.ts';
import { registryRoutes } from './routes/registries.ts';
import { runtimeRoutes } from './routes/runtimes.ts';
import { snapshotRoutes } from './routes/snapshots.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { volumeRoutes } from './routes/volumes.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { SERVER_OPTIONS } from './serverOptions.ts';
import { version } from './version.ts';

/** The user's API; listen on it, or `inject`. Closing it does not close what `context` holds. */
export async function createApp(
  context: ApiContext,
  logger?: FastifyBaseLogger,
  metrics = createMetrics(context.db),
): Promise<FastifyInstance> {
  const app = fastify({
    ...(logger ? { loggerInstance: logger } : {}),
    ...SERVER_OPTIONS,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  await app.register(websocket, { options: { maxPayload: 1 << 20 } });
  countRequests(app, metrics);
  await app.register(auditPlugin, { context });
  const dashboard = { directory: context.config.dashboardDir };
  await app.register(dashboardPlugin, dashboard);
  await app.register(unknownRoutesPlugin);
  await app.register(storableTextPlugin);
  await app.register(authPlugin, { context });
  await app.register(idempotencyPlugin, { context });
  await app.register(openApiPlugin, { version });
  await app.register(
    async (v1) => {
      await v1.register(installationRoutes, { context });
      await v1.register(authRoutes, { context });
      await v1.register(deviceRoutes, { context });
      await v1.register(imageRoutes, { context });
      await v1.register(imageUploadRoutes, { context });
      await v1.register(imagePullRoutes, { context });
      await v1.register(registryRoutes, { context });
      await v1.register(appRoutes, { context });
      await v1.register(runtimeRoutes, { context });
      await v1.register(computeRoutes, { context });
      await v1.register(computeStreamRoutes, { context });
      await v1.register(groupRoutes, { context });
      await v1.register(evacuationRoutes, { context });
      await v1.register(scheduleRoutes, { context });
      await v1.register(volumeRoutes, { context });
      await v1.register(snapshotRoutes, { context });
      await v1.register(migrationRoutes, { context });
      await v1.register(tenantRoutes, { context });
      await v1.register(memberRoutes, { context });
      await v1.register(auditRoutes, { context });
      await v1.register(eventRoutes, { context, metrics });
      await v1.register(webhookRoutes, { context });
    },
    { prefix: '/api/v1' },
  );
  await app.register(healthRoutes, { context, metrics });
  await app.register(dashboardRoutes, dashboard);
  return app;
}
