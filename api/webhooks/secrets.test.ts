import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { sealText } from '../sealedText.ts';
import { newWebhookSecret, openWebhookSecret, signatureHeaders } from './secrets.ts';

describe("a webhook's secret", () => {
  const key = randomBytes(32);
  const secret = newWebhookSecret();

  it('comes back from what is stored, for its webhook and with its key only', () => {
    const stored = sealText(key, 'whk_a', secret);
    expect(openWebhookSecret(key, 'whk_a', stored)).toBe(secret);
    expect(openWebhookSecret(key, 'whk_b', stored)).toBeNull();
    expect(openWebhookSecret(randomBytes(32), 'whk_a', stored)).toBeNull();
    expect(openWebhookSecret(key, 'whk_a', 'x')).toBeNull();
    expect(sealText(key, 'whk_a', secret)).not.toBe(stored);
  });

  it('signs so that the reference library of Standard Webhooks agrees', () => {
    const message = { id: 'msg_a_1', body: '{"type":"compute.running","text":"ü"}' };
    const headers = signatureHeaders(secret, message, new Date());
    expect(new Webhook(secret).verify(message.body, headers)).toEqual(JSON.parse(message.body));
    expect(() => new Webhook(secret).verify(`${message.body} `, headers)).toThrow('No matching signature');
    expect(() => new Webhook(newWebhookSecret()).verify(message.body, headers)).toThrow();
    expect(() => new Webhook(secret).verify(message.body, { ...headers, 'webhook-id': 'x' })).toThrow();
  });

  it('signs the example of the specification as it stands there', () => {
    const headers = signatureHeaders(
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}' },
      new Date(1_614_265_330_000),
    );
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});
