import { z } from 'zod';
import type { Cause } from './cause.ts';

/** Ports below belong to the device's own services, ssh among them. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
/** Most ports of one compute, and of all computes of a tenant. */
const MOST_OF_COMPUTE = 32;
export const MOST_PORTS_OF_TENANT = 512;

/** A port of every device that leads to a port of a compute, wherever that is. */
export const publishedPortSchema = z.object({
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
  /** On the devices. */
  host: z.number().int().min(FIRST_PORT).max(LAST_PORT),
  /** In the compute. */
  compute: z.number().int().min(1).max(LAST_PORT),
});
export type PublishedPort = z.infer<typeof publishedPortSchema>;

export const publishedPortsSchema = z
  .array(publishedPortSchema)
  .max(MOST_OF_COMPUTE)
  .refine(
    (ports) =>
      new Set(ports.map(({ protocol, host }) => `${protocol} ${String(host)}`)).size === ports.length,
    'must name every host port once',
  )
  .default([]);

/** Why none of these ports may be published; empty: they may, as far as nobody else has them. */
export function refusePorts(wanted: PublishedPort[], reserved: ReadonlySet<number>): Cause[] {
  return wanted
    .filter(({ host }) => reserved.has(host))
    .map(({ host }) => ({
      code: 'portReserved',
      message: `Port ${String(host)} is one that devices or the control plane use themselves.`,
      mend: 'Choose another host port.',
    }));
}
