import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import type { Metrics } from '../metrics.ts';

const checkSchema = z.enum(['ok', 'away']);
const readySchema = z.object({ ready: z.boolean(), database: checkSchema, temporal: checkSchema });

/** Longest wait for one of the parts, milliseconds. */
const CHECK_MS = 3_000;

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
      const [database, temporal] = await Promise.all([
        check(() => context.db.execute(sql`select 1`)),
        check(() => context.workflows.check()),
      ]);
      const ready = database === 'ok' && temporal === 'ok';
      return reply.code(ready ? 200 : 503).send({ ready, database, temporal });
    },
  });

  app.get('/metrics', {
    config: { needs: 'operator' },
    logLevel: 'warn',
    schema: { tags, summary: "Figures in Prometheus' text form", produces: [metrics.contentType] },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });
  return Promise.resolve();
};

async function check(action: () => Promise<unknown>): Promise<'ok' | 'away'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'away'>((resolve) => {
    timer = setTimeout(() => {
      resolve('away');
    }, CHECK_MS);
  });
  const asked = action().then(
    () => 'ok' as const,
    () => 'away' as const,
  );
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  return answer;
}
