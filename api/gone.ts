import type { FastifyReply } from 'fastify';

/** Aborts when the client has gone away before the answer's end. */
export function gone(reply: FastifyReply): AbortSignal {
  const abort = new AbortController();
  reply.raw.once('close', () => {
    abort.abort();
  });
  return abort.signal;
}
