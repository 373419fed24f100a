import type { EventView } from '../../core/api/events.ts';
import { type Attempt, attemptWords, wasTaken } from '../../core/webhookRetry.ts';
import { addDelivery, type Webhook, type WebhookDelivery } from '../../db/webhooks.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { ApiContext } from '../context.ts';
import { postWebhook } from './post.ts';
import { openWebhookSecret, signatureHeaders } from './secrets.ts';

/** Of one attempt, milliseconds. */
const TIMEOUT_MS = 10_000;

export interface WebhookMessage {
  /** The same in each attempt, by which a receiver knows what it has already. */
  id: string;
  type: string;
  body: string;
}

/** What is sent of an event: the members that Standard Webhooks recommends, `data` as in the stream of events. */
export function messageOf(webhookId: string, event: EventView, id: string | number): WebhookMessage {
  return {
    id: `msg_${webhookId.slice(webhookId.indexOf('_') + 1)}_${String(id)}`,
    type: event.type,
    body: JSON.stringify({ type: event.type, timestamp: event.at, data: event }),
  };
}

/** With what the secrets of webhooks are sealed. */
export function sealingKey({ authority }: Pick<ApiContext, 'authority'>): Buffer {
  return authority.secretFor('webhooks');
}

/** Makes one attempt and keeps what became of it. Null when it was stopped by `signal`: then nobody knows. */
export async function deliver(
  context: ApiContext,
  webhook: Webhook,
  message: WebhookMessage,
  signal: AbortSignal,
): Promise<{ attempt: Attempt; kept: WebhookDelivery } | null> {
  const began = performance.now();
  const attempt = await send(context, webhook, message, signal);
  if (signal.aborted) return null;
  const kept = await addDelivery(context.db, {
    ...{ webhookId: webhook.id, messageId: message.id, type: message.type },
    status: attempt.outcome === 'answered' ? attempt.status : null,
    attempt: webhook.failures + 1,
    delivered: wasTaken(attempt),
    reason: attemptWords(attempt),
    ms: Math.round(performance.now() - began),
  });
  return { attempt, kept };
}

async function send(
  context: ApiContext,
  { id, url, sealedSecret }: Webhook,
  message: WebhookMessage,
  signal: AbortSignal,
): Promise<Attempt> {
  const secret = openWebhookSecret(sealingKey(context), id, sealedSecret);
  if (secret === null)
    return {
      outcome: 'failed',
      reason: 'Its secret was sealed by another authority of the control plane; make the webhook anew.',
    };
  const headers = {
    ...{ 'content-type': 'application/json', 'user-agent': `Drayage/${packageJson.version}` },
    ...signatureHeaders(secret, message, new Date()),
  };
  const { webhookTargets: targets, advertiseHost } = context.config;
  return postWebhook(url, headers, message.body, { targets, advertiseHost, timeoutMs: TIMEOUT_MS, signal });
}
