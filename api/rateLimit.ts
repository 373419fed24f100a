import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { DrayageError } from '../core/cause.ts';

/** Lets the routes of this plugin have a `rateLimit` in their config, counted by address; `message` is the refusal's. */
export async function registerRateLimit(
  app: Pick<FastifyInstance, 'register'>,
  message: string,
): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    errorResponseBuilder: (_request, { after }) =>
      new DrayageError({ code: 'tooManyRequests', message, mend: `Try again in ${after}.` }),
  });
}
