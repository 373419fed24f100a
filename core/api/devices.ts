import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { DeviceState, inventorySchema } from '../device.ts';
import { classFactsSchema } from '../deviceClass.ts';
import { labelsSchema, nameSchema } from '../compute.ts';
import { sampleSchema } from '../metrics.ts';
import { referenceSchema } from './common.ts';

export const deviceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(Object.values(DeviceState) as [DeviceState, ...DeviceState[]]),
    /** Where it is; null when nobody has said. */
    location: z.string().nullable(),
    labels: labelsSchema,
    inventory: inventorySchema,
    /** What it uses, as it told last; null when it has told nothing for a minute. */
    load: sampleSchema.nullable(),
    /** `SHA256:…` of its public key; the device's own log shows it too, to be compared before it is approved. */
    keyFingerprint: z.string(),
    /** Of which it is to a move; null until it has said. */
    class: z.string().nullable(),
    /** What is wrong with it. */
    causes: z.array(causeSchema),
    /** How far its clock is ahead of the control plane's, milliseconds; null when it has not said. */
    clockOffsetMs: z.number().int().nullable(),
    lastHeartbeatAt: z.iso.datetime(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Device' });
export type DeviceView = z.infer<typeof deviceSchema>;

/** Whether what runs on devices of one class can move to those of another. */
const classMoveSchema = z.object({
  class: z.string(),
  /** How many devices are of it. */
  devices: z.number().int(),
  ok: z.boolean(),
  causes: z.array(causeSchema),
});
export type ClassMove = z.infer<typeof classMoveSchema>;

/** A device with what can move from it, to which class of devices. */
export const deviceDetailSchema = deviceSchema
  .extend({ movesTo: z.array(classMoveSchema) })
  .meta({ id: 'DeviceDetail' });
export type DeviceDetail = z.infer<typeof deviceDetailSchema>;

/** Devices that are the same to a move. */
export const deviceClassSchema = z
  .object({
    id: z.string(),
    /** All that makes the class. */
    facts: classFactsSchema.omit({ version: true }),
    devices: z.number().int(),
    /** Some of them. */
    examples: z.array(referenceSchema),
    movesTo: z.array(classMoveSchema),
  })
  .meta({ id: 'DeviceClass' });

export const createJoinTokenRequestSchema = z.object({
  /** How long a device may use it. */
  expiresInSeconds: z
    .number()
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(3600),
});

const locationSchema = z
  .string()
  .min(1)
  .max(120)
  .regex(/^[^\p{Cc}]*$/u, 'must have no control characters');

/** A device that is to come, and what it is going to be here. */
export const addDeviceRequestSchema = createJoinTokenRequestSchema.extend({
  /** Another name than the one that it gives itself. */
  name: nameSchema.optional(),
  location: locationSchema.optional(),
  labels: labelsSchema.optional(),
});

/** `token` is shown this once. */
export const createJoinTokenResponseSchema = z.object({
  id: z.string(),
  token: z.string(),
  expiresAt: z.iso.datetime(),
  /** Where the device joins: its DRAYAGE_CONTROL_URL. */
  controlUrl: z.string(),
});

export const approveRequestSchema = z.object({
  /** Another name than the one that the device gave itself. */
  name: nameSchema.optional(),
});

export const updateDeviceRequestSchema = z.object({
  /** Null: not known any more. */
  location: locationSchema.nullable().optional(),
  /** All of them: those that it had are gone. */
  labels: labelsSchema.optional(),
});
