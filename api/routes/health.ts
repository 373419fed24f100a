import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import type { Metrics } from '../metrics.ts';
import { readinessOf } from '../readiness.ts';

const checkSchema = z.enum(['ok', 'away']);
const readySchema = z.object({ ready: z.boolean(), database: checkSchema, temporal: checkSchema });

/** For whoever watches the process: is it alive, can it work, what does it count. */
export const healthRoutes: FastifyPluginAsyncZod<{ context: ApiContext; metrics: Metrics }> = async (
  app,
  { context, metrics },
) => {
  const tags = ['health'];

  app.get('/healthz', {
    config: { needs: 'open' },
    logLevel: 'warn',
    schema: {
      tags,
      summary: 'The process is alive',
      response: { 200: z.object({ alive: z.literal(true) }) },
    },
    handler: () => Promise.resolve({ alive: true as const }),
  });

  app.get('/readyz', {
    config: { needs: 'open' },
    logLevel: 'warn',
    schema: {
      tags,
      summary: 'Database and Temporal can be reached',
      response: { 200: readySchema, 503: readySchema },
    },
    handler: async (_request, reply) => {
      const readiness = await readinessOf({
        database: () => context.db.execute(sql`select 1`),
        temporal: () => context.workflows.check(),
      });
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  });

  app.get('/metrics', {
    config: { needs: 'operator' },
    logLevel: 'warn',
    schema: {
      tags,
      summary: "Figures in Prometheus' text form",
      response: { 200: { description: 'The figures.', content: { 'text/plain': { schema: z.string() } } } },
    },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });
  return Promise.resolve();
};
