import { z } from 'zod';
import { computeSpecSchema } from './compute.ts';

/** What the lab orders of the process of all fake devices. */

export const MAX_FAKES = 1_000;

export const fakeNameSchema = z
  .string()
  .regex(/^f[1-9][0-9]{0,3}$/, 'must be f1, f2, ...')
  .refine((name) => Number(name.slice(1)) <= MAX_FAKES, `a lab has at most ${MAX_FAKES} fake devices`);

export const fakeStartSchema = z.object({
  /** From 0; says which kind of device it is. */
  index: z.number().int().nonnegative(),
  link: z.object({ host: z.ipv4(), port: z.number().int().min(1).max(65_535) }),
  controlUrl: z.url({ protocol: /^https$/ }),
  /** Needed once; without it the device waits to be approved. */
  joinToken: z.string().optional(),
});
export type FakeStart = z.infer<typeof fakeStartSchema>;

/** Computes that one has from now on, running, as if it had made them. Whoever orders it puts them on record. */
export const fakeHoldSchema = z.object({ computes: z.array(computeSpecSchema) });
export type FakeHold = z.infer<typeof fakeHoldSchema>;

/** Which of them run, by name. */
export const fakesRunningSchema = z.record(fakeNameSchema, z.boolean());
export const fakeKilledSchema = z.object({ ran: z.boolean() });
