import { z } from 'zod';
import { macSchema } from './compute.ts';

const portSchema = z.number().int().min(0).max(65_535);

/** A connection that a compute opened to the outside, and the device whose address translation it lives in. */
export const flowSchema = z.object({
  protocol: z.enum(['tcp', 'udp']),
  /** Port of the compute. */
  sport: portSchema,
  daddr: z.ipv4(),
  dport: portSchema,
  /** MAC of that device's bridge. */
  mac: macSchema,
});
export type Flow = z.infer<typeof flowSchema>;

export const flowsSchema = z.array(flowSchema).max(65_536);
