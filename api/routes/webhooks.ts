import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf, pageQuerySchema } from '../../core/api/common.ts';
import {
  changeWebhookRequestSchema,
  createWebhookRequestSchema,
  createWebhookResponseSchema,
  webhookDeliverySchema,
  type WebhookDeliveryView,
  webhookSchema,
  type WebhookView,
} from '../../core/api/webhooks.ts';
import { parseEventTypes } from '../../core/eventFilter.ts';
import {
  changeWebhook,
  createWebhook,
  listDeliveries,
  listWebhooks,
  removeWebhook,
  type Webhook,
  type WebhookDelivery,
  webhookInScope,
} from '../../db/webhooks.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';
import { deliver, messageOf, sealingKey } from '../webhooks/deliver.ts';
import { sealText } from '../sealedText.ts';
import { newWebhookSecret } from '../webhooks/secrets.ts';

const params = z.object({ id: z.string().max(64) });
const tags = ['webhooks'];
const actorOf = (request: Parameters<typeof accountOf>[0]) => accountOf(request).accountId;

/** Checks each as the stream of events does. @throws DrayageError invalid */
const checkedTypes = (types: string[]) => types.flatMap(parseEventTypes);

/** Where a tenant's events are sent. Who only looks does not see them: an address may be a secret. */
export const webhookRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/webhooks', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'List webhooks',
      querystring: pageQuerySchema,
      response: { 200: listOf(webhookSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listWebhooks(db, tenantOf(request).id, request.query);
      return { items: items.map(webhookView), nextCursor };
    },
  });

  app.post('/webhooks', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: "Have the tenant's events, and those of devices, sent to a URL; the secret is shown this once",
      description:
        'Messages are POSTed as Standard Webhooks (https://www.standardwebhooks.com) has it: in order, the next when one was answered by 2xx, repeated otherwise. docs/events.md tells more.',
      body: createWebhookRequestSchema,
      response: { 201: createWebhookResponseSchema },
    },
    handler: async (request, reply) => {
      const { url, types } = request.body;
      const [id, secret] = [freshId('webhook'), newWebhookSecret()];
      const sealedSecret = sealText(sealingKey(context), id, secret);
      const tenantId = tenantOf(request).id;
      const values = { id, tenantId, url, types: checkedTypes(types), sealedSecret };
      const row = await createWebhook(db, values, actorOf(request));
      return reply.code(201).send({ ...webhookView(row), secret });
    },
  });

  app.get('/webhooks/:id', {
    config: { needs: 'member' },
    schema: { tags, summary: 'Show a webhook', params, response: { 200: webhookSchema } },
    handler: async (request) => webhookView(await webhookInScope(db, scopeOf(request), request.params.id)),
  });

  app.patch('/webhooks/:id', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Change a webhook; one that was ended goes on after the last event that was taken',
      params,
      body: changeWebhookRequestSchema,
      response: { 200: webhookSchema },
    },
    handler: async (request) => {
      const row = await webhookInScope(db, scopeOf(request), request.params.id);
      const { types, ...rest } = request.body;
      const change = { ...rest, ...(types === undefined ? {} : { types: checkedTypes(types) }) };
      return webhookView(await changeWebhook(db, row, change, actorOf(request)));
    },
  });

  app.delete('/webhooks/:id', {
    config: { needs: 'member' },
    schema: { tags, summary: 'Delete a webhook', params, response: { 204: z.null() } },
    handler: async (request, reply) => {
      const row = await webhookInScope(db, scopeOf(request), request.params.id);
      await removeWebhook(db, row, actorOf(request));
      return reply.code(204).send(null);
    },
  });

  app.get('/webhooks/:id/deliveries', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'The last 100 attempts, newest first',
      params,
      querystring: pageQuerySchema,
      response: { 200: listOf(webhookDeliverySchema) },
    },
    handler: async (request) => {
      const { id } = await webhookInScope(db, scopeOf(request), request.params.id);
      const { items, nextCursor } = await listDeliveries(db, id, request.query);
      return { items: items.map(deliveryView), nextCursor };
    },
  });

  app.post('/webhooks/:id/test', {
    config: { needs: 'member' },
    schema: {
      tags,
      summary: 'Send a message of type webhook.test now, once, and tell what became of it',
      params,
      response: { 200: webhookDeliverySchema },
    },
    handler: async (request) => {
      const row = await webhookInScope(db, scopeOf(request), request.params.id);
      const id = freshId('webhook');
      const event = {
        ...{ id: null, type: 'webhook.test', subject: row.id, actor: actorOf(request) },
        ...{ message: 'This is a test.', data: {}, at: new Date().toISOString() },
      };
      const message = messageOf(row.id, event, `test_${id.slice(4)}`);
      const done = await deliver(context, { ...row, failures: 0 }, message, new AbortController().signal);
      if (done === null) throw new Error('nobody stops a test');
      return deliveryView(done.kept);
    },
  });
  return Promise.resolve();
};

function webhookView(row: Webhook): WebhookView {
  const { id, url, types, enabled, disabledReason, failures, nextAttemptAt, createdAt } = row;
  return {
    ...{ id, url, types, enabled, disabledReason, failures },
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  };
}

function deliveryView(row: WebhookDelivery): WebhookDeliveryView {
  const { messageId, type, attempt, delivered, status, reason, ms, at } = row;
  return { messageId, type, attempt, delivered, status, reason, ms, at: at.toISOString() };
}
