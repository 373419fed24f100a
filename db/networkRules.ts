import { eq } from 'drizzle-orm';
import { allDevices } from './devices.ts';
import type { Database } from './database.ts';
import { addressAllocation, compute, port, tenant } from './schema/index.ts';

/** What the database has of the computes' network, in a settled order: the same content is the same value. */
export async function readNetwork(db: Database) {
  const computes = await db
    .select({ ip: addressAllocation.ip, tenant: tenant.seq })
    .from(addressAllocation)
    .innerJoin(compute, eq(compute.id, addressAllocation.computeId))
    .innerJoin(tenant, eq(tenant.id, compute.tenantId))
    .orderBy(addressAllocation.ipNumber);
  const ports = await db
    .select({ protocol: port.protocol, host: port.host, compute: port.port, ip: addressAllocation.ip })
    .from(port)
    .innerJoin(addressAllocation, eq(addressAllocation.computeId, port.computeId))
    .orderBy(port.protocol, port.host);
  const devices = (await allDevices(db)).map(({ inventory }) => inventory.linkAddress);
  return { computes, ports, linkAddresses: devices };
}
