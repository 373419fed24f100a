import { z } from 'zod';
import { DeviceState, inventorySchema } from '../device.ts';
import { nameSchema } from '../compute.ts';

export const deviceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(Object.values(DeviceState) as [DeviceState, ...DeviceState[]]),
    inventory: inventorySchema,
    /** `SHA256:…` of its public key; the device's own log shows it too, to be compared before it is approved. */
    keyFingerprint: z.string(),
    lastHeartbeatAt: z.iso.datetime(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Device' });
export type DeviceView = z.infer<typeof deviceSchema>;

export const createJoinTokenRequestSchema = z.object({
  /** How long a device may use it. */
  expiresInSeconds: z
    .number()
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(3600),
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
