import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { installationSchema } from '../../core/api/installation.ts';
import type { ApiContext } from '../context.ts';
import { version } from '../version.ts';

/** What somebody must know of an installation before signing in. */
export const installationRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (
  app,
  { context },
) => {
  app.get('/installation', {
    config: { needs: 'open' },
    schema: {
      tags: ['installation'],
      summary: 'What is asked of who registers, and the version',
      response: { 200: installationSchema },
    },
    handler: () => Promise.resolve({ version, registration: context.config.registration }),
  });
  return Promise.resolve();
};
