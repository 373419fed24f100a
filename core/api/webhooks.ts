import { z } from 'zod';

/** Where events are sent. Its name and its addresses are looked at when it is called. */
const webhookUrlSchema = z
  .string()
  .max(2048)
  .refine(isWebhookUrl, 'must be an http or https URL without a user, a password and a fragment');

function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '' && hash === '';
}

/** As in the stream of events: `compute.running`, or `compute.*` for all that begin so. */
const typesSchema = z.array(z.string().max(100)).max(32);

export const createWebhookRequestSchema = z.object({
  url: webhookUrlSchema,
  /** Without any: every type. */
  types: typesSchema.default([]),
});

/** What is left out stays as it is. */
export const changeWebhookRequestSchema = z.object({
  url: webhookUrlSchema.optional(),
  types: typesSchema.optional(),
  /** True lets one that was ended go on after the last event that was taken. */
  enabled: z.boolean().optional(),
});

export const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    types: z.array(z.string()),
    enabled: z.boolean(),
    /** Why it is not enabled. */
    disabledReason: z.string().nullable(),
    /** Attempts of the event that is being delivered that have failed. */
    failures: z.number().int(),
    nextAttemptAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' });
export type WebhookView = z.infer<typeof webhookSchema>;

/** `secret` is shown this once; the receiver checks signatures with it. */
export const createWebhookResponseSchema = webhookSchema.extend({ secret: z.string() });

export const webhookDeliverySchema = z.object({
  /** The header webhook-id: the same in each attempt. */
  messageId: z.string(),
  type: z.string(),
  /** From 1. */
  attempt: z.number().int(),
  delivered: z.boolean(),
  /** Null when there was no answer. */
  status: z.number().int().nullable(),
  reason: z.string(),
  ms: z.number().int(),
  at: z.iso.datetime(),
});
export type WebhookDeliveryView = z.infer<typeof webhookDeliverySchema>;
