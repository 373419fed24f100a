import { z } from 'zod';
import { computeSpecSchema } from './compute.ts';
import { idSchema, transferIdSchema } from './ids.ts';
import { DrayageError } from './cause.ts';

const group = z.array(computeSpecSchema).min(1);

/** What a device is told before there is a transfer. */
export const prepareInputSchema = z.object({
  migration: z.string().regex(/^[\w-]+$/),
  computes: group,
  /** Id of the other device. */
  peer: idSchema('device'),
});
export type PrepareInput = z.infer<typeof prepareInputSchema>;

/** What both devices are told of a transfer. */
export const transferInputSchema = prepareInputSchema.extend({
  transfer: transferIdSchema,
  group: idSchema('group'),
  /** The epoch that the group has on the target. */
  epoch: z.number().int().positive(),
});
export type TransferInput = z.infer<typeof transferInputSchema>;

export const releaseInputSchema = prepareInputSchema.omit({ peer: true });
export type ReleaseInput = z.infer<typeof releaseInputSchema>;

/** What is done about somebody who runs something inside a compute that is to move; absent in what earlier versions say. */
export const sessionOptionsSchema = z.object({ endSessions: z.boolean().optional() }).default({});
export type SessionOptions = z.infer<typeof sessionOptionsSchema>;

export const computesSchema = group;
export const descriptorsSchema = z.record(z.string(), z.array(z.string()));

/**
 * Checks what the control plane's workflow tells a device.
 * @throws DrayageError badActivityInput: the two are of versions that do not fit
 */
export function checkInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new DrayageError({
    code: 'badActivityInput',
    message: `The control plane asks for something this device does not understand: ${z.prettifyError(parsed.error)}.`,
    mend: 'Bring the control plane and the device to the same version.',
  });
}
