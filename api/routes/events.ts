import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf } from '../../core/api/common.ts';
import {
  eventHistoryQuerySchema,
  eventsHeadersSchema,
  eventSchema,
  eventsQuerySchema,
  LAST_EVENT_ID,
} from '../../core/api/events.ts';
import { parseEventTypes, type VisibleTenants } from '../../core/eventFilter.ts';
import { eventHistory } from '../../db/events.ts';
import { membershipsOf } from '../../db/tenants.ts';
import type { ApiContext } from '../context.ts';
import { EventFeed } from '../events/feed.ts';
import { eventView } from '../events/frames.ts';
import type { Metrics } from '../metrics.ts';
import { accountOf, tenantNamed } from '../plugins/auth.ts';

const DESCRIPTION = `Server-sent events (text/event-stream), one for each row of the event log, in the order in which they happened:
\`id\`, \`event\` (the type) and \`data\` (JSON as in #/components/schemas/Event). Types are
compute.*, migration.*, device.*, image.*, tenant.*, token.* and account.*; one sees those of one's tenants, and of devices. Without a last id it begins now; with one (header
Last-Event-ID, or lastEventId) after that event, and nothing is lost or doubled. The answer's header Last-Event-ID says
where it begins. \`migration.progress\` has no id: it is told twice a second at most while a move copies memory, and is not
kept. Events are kept for 7 days: an id that is older is answered by the event \`reset\`; the lists have to be read again
then, and the stream goes on from there. A comment comes every 15 s. The server ends a stream after 10 minutes, and that of
a client for which too much waits; the client resumes.`;

/** Whose events who asks may see: those of the tenant that is named; else of all its tenants, an operator everything. */
async function visibleTenants({ db }: ApiContext, request: FastifyRequest): Promise<VisibleTenants> {
  if (request.tenant && tenantNamed(request) !== undefined) return [request.tenant.id];
  const { accountId, role } = accountOf(request);
  if (role === 'operator') return 'all';
  return (await membershipsOf(db, accountId)).map(({ id }) => id);
}

/** The stream of everything that changes. */
export const eventRoutes: FastifyPluginAsyncZod<{ context: ApiContext; metrics: Metrics }> = async (
  app,
  { context, metrics },
) => {
  const feed = new EventFeed({ db: context.db, databaseUrl: context.config.databaseUrl, log: app.log });
  app.addHook('preClose', () => feed.close());
  metrics.countStreams(() => feed.streams);

  app.get('/events', {
    config: { needs: 'signedIn' },
    // A HEAD would open a stream that nobody reads.
    exposeHeadRoute: false,
    schema: {
      tags: ['events'],
      summary: 'Follow everything that changes (server-sent events)',
      description: DESCRIPTION,
      querystring: eventsQuerySchema,
      headers: eventsHeadersSchema,
      response: {
        200: {
          description: 'The stream.',
          content: { 'text/event-stream': { schema: z.string() } },
        },
      },
    },
    handler: async (request, reply) => {
      const { types, subject, lastEventId } = request.query;
      const filter = {
        tenants: await visibleTenants(context, request),
        types: types === undefined ? [] : parseEventTypes(types),
        subject,
      };
      // A browser that resumes sends the header, and the address it began with.
      const last = request.headers[LAST_EVENT_ID] || lastEventId || null;
      const after = last === null ? null : Number(last);
      const stream = await feed.open(filter, after);
      void reply
        .type('text/event-stream')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .header(LAST_EVENT_ID, String(after ?? stream.cursor));
      // The schema's text comes as a stream, which is sent as it is.
      return (reply as FastifyReply).send(stream.body);
    },
  });
  app.get('/events/history', {
    config: { needs: 'signedIn' },
    schema: {
      tags: ['events'],
      summary: 'List what has happened, newest first; of the last 7 days',
      querystring: eventHistoryQuerySchema,
      response: { 200: listOf(eventSchema) },
    },
    handler: async (request) => {
      const { types, subject, ...page } = request.query;
      const tenants = await visibleTenants(context, request);
      const filter = { tenants, types: types === undefined ? [] : parseEventTypes(types), subject };
      const { items, nextCursor } = await eventHistory(context.db, filter, page);
      return { items: items.map(eventView), nextCursor };
    },
  });
  return Promise.resolve();
};
