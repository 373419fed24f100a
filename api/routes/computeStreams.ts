import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { idOrNameSchema } from '../../core/api/common.ts';
import { logsQuerySchema } from '../../core/api/computes.ts';
import type { ApiContext } from '../context.ts';
import { askLink, joinLink, reachable } from '../link.ts';
import { scopeOf } from '../plugins/auth.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['computes'];

/** A compute's output and commands in it: fetched from its device's link. */
export const computeStreamRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (
  app,
  { context },
) => {
  app.get('/computes/:id/logs', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'Output of a compute: lines of JSON, {"stream":"stdout","data":"<base64>"}',
      produces: ['application/x-ndjson'],
      params,
      querystring: logsQuerySchema,
    },
    handler: async (request, reply) => {
      const { follow, tail } = request.query;
      const { compute, device } = await reachable(context, scopeOf(request), request.params.id, {
        running: false,
      });
      const query = new URLSearchParams({ follow: follow === '1' || follow === 'true' ? '1' : '0' });
      if (tail !== undefined) query.set('tail', String(tail));
      const response = await askLink(
        context,
        device,
        `/v1/computes/${compute.id}/logs?${query.toString()}`,
        gone(reply),
      );
      return reply.type('application/x-ndjson').send(response);
    },
  });

  app.route({
    method: 'GET',
    url: '/computes/:id/exec',
    websocket: true,
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Run a command in a compute (WebSocket)',
      description:
        'First message {"command":[...],"tty":false,"stdin":true}; then binary frames: byte 0 is 0 stdin, 1 stdout, 2 stderr; text frames {"resize":{"columns":80,"rows":24}}, {"eof":true}; the server ends with {"exit":0}.',
      params,
    },
    // Before the connection is upgraded, so that a refusal is a problem document.
    preHandler: async (request) => {
      await reachable(context, scopeOf(request), request.params.id, { running: true });
    },
    handler: async (socket, request) => {
      const { id } = request.params;
      socket.pause();
      try {
        const { compute, device } = await reachable(context, scopeOf(request), id, { running: true });
        joinLink(context, device, `/v1/computes/${compute.id}/exec`, socket);
      } catch (error) {
        request.log.warn({ err: error }, 'exec ended before it began');
        socket.close(1011, 'The compute cannot be reached.');
      }
    },
  });
  return Promise.resolve();
};

/** Aborts when the client has gone away before the answer's end. */
function gone(reply: FastifyReply): AbortSignal {
  const abort = new AbortController();
  reply.raw.once('close', () => {
    abort.abort();
  });
  return abort.signal;
}
