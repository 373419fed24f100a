import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { idOrNameSchema, problemAnswers } from '../../core/api/common.ts';
import { logsQuerySchema } from '../../core/api/computes.ts';
import { DrayageError } from '../../core/cause.ts';
import type { ApiContext } from '../context.ts';
import { gone } from '../gone.ts';
import { joinLink, reachable } from '../link.ts';
import { jsonBody, textBody } from '../computes/logBody.ts';
import { openLog } from '../computes/readLog.ts';
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
      summary: 'Output of a compute',
      description: `Lines of JSON: {"time":"...Z","stream":"stdout","data":"<base64>"}, one for each line that was written.
With \`follow\` it goes on, also over restarts and moves, and ends with {"end":"<why>"}; empty lines are signs of life.
\`format=text\`: what was written, as it is. \`download\`: the same, for a file.`,
      params,
      querystring: logsQuerySchema,
      response: {
        200: {
          description: 'The lines, as they come.',
          content: {
            'application/x-ndjson': { schema: z.string() },
            'text/plain': { schema: z.string() },
          },
        },
        ...problemAnswers(502),
      },
    },
    handler: async (request, reply) => {
      const { follow, tail, since, timestamps, format, download } = request.query;
      const wish = { follow, tail, since };
      const { name, items } = await openLog(context, scopeOf(request), request.params.id, wish, gone(reply));
      // The schema's text comes as a stream, which is sent as it is.
      const streamed = reply as FastifyReply;
      void streamed.header('cache-control', 'no-store').header('x-accel-buffering', 'no');
      if (download) void streamed.header('content-disposition', `attachment; filename="${name}.log"`);
      if (download || format === 'text')
        return streamed.type('text/plain; charset=utf-8').send(textBody(items, { timestamps }));
      const failed = (error: unknown) => request.log.info({ err: error }, 'a log ended before its end');
      return streamed.type('application/x-ndjson').send(jsonBody(items, { follow }, failed));
    },
  });

  app.route({
    method: 'GET',
    url: '/computes/:id/exec',
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Run a command in a compute (WebSocket)',
      description:
        'First message {"command":[...],"tty":false,"stdin":true}; then binary frames: byte 0 is 0 stdin, 1 stdout, 2 stderr; text frames {"resize":{"columns":80,"rows":24}}, {"eof":true}; the server ends with {"exit":0}.',
      params,
      response: {
        101: z.null().describe('The connection is a WebSocket from here on.'),
        ...problemAnswers(426),
      },
    },
    // Before the connection is upgraded, so that a refusal is a problem document.
    preHandler: async (request) => {
      await reachable(context, scopeOf(request), request.params.id, { running: true });
    },
    handler: (_request, reply) => {
      void reply.header('upgrade', 'websocket').header('connection', 'upgrade');
      throw new DrayageError({
        code: 'upgradeRequired',
        message: 'A command is run by way of a WebSocket.',
        mend: 'Ask for it with a WebSocket client, or use `drayage compute exec`.',
      });
    },
    wsHandler: async (socket, request) => {
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
