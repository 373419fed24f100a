import { createHmac, randomBytes } from 'node:crypto';
import { openText } from '../sealedText.ts';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** A secret as the Standard Webhooks specification writes it: `whsec_` and base64. */
export function newWebhookSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** The secret that `sealText` has sealed for its webhook; null when it was sealed with another key, or for another one. */
export function openWebhookSecret(key: Buffer, webhookId: string, stored: string): string | null {
  try {
    return openText(key, webhookId, stored);
  } catch {
    return null;
  }
}

/** The headers with which the Standard Webhooks specification lets a receiver check a message. `at`: of this attempt. */
export function signatureHeaders(
  secret: string,
  message: { id: string; body: string },
  at: Date,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  const signature = createHmac('sha256', key)
    .update(`${message.id}.${timestamp}.${message.body}`)
    .digest('base64');
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}
