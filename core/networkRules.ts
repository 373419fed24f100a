import { z } from 'zod';
import { macSchema } from './compute.ts';
import { publishedPortSchema } from './publishedPorts.ts';

/** What every device needs to know of the computes' network, as a whole: a device replaces what it had with it. */
export const networkRulesSchema = z.object({
  /** Another one whenever anything of it is another. */
  version: z.string().max(128),
  /** First and last address that computes get. */
  range: z.object({ first: z.ipv4(), last: z.ipv4() }),
  /** The computes' gateway, the same on every device; null when there is none. */
  gateway: z.object({ ip: z.ipv4(), mac: macSchema }).nullable(),
  /** Addresses of all devices. */
  devices: z.array(z.ipv4()),
  /** Every compute there is; those of one tenant have the same number. */
  computes: z.array(
    z.object({
      ip: z.ipv4(),
      tenant: z
        .number()
        .int()
        .min(1)
        .max(2 ** 31 - 1),
    }),
  ),
  ports: z.array(publishedPortSchema.extend({ ip: z.ipv4() })),
});
export type NetworkRules = z.infer<typeof networkRulesSchema>;
