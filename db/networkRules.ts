import { eq, sql } from 'drizzle-orm';
import { allDevices } from './devices.ts';
import { type Database, only } from './database.ts';
import { addressAllocation, compute, port, tenant } from './schema/index.ts';

/**
 * Another value whenever any of what `readNetwork` reads is another. The database makes it of its own rows: it is asked for
 * twice a second, and with ten thousand computes the rows are half a megabyte.
 */
export async function networkFingerprint(db: Database): Promise<string> {
  const row = only(
    await db.execute<{ fingerprint: string }>(sql`
      select md5(concat_ws('|',
        (select string_agg(a.ip || '/' || t.seq, ',' order by a.ip_number)
          from address_allocation a join compute k on k.id = a.compute_id join tenant t on t.id = k.tenant_id),
        (select string_agg(concat_ws('/', p.protocol, p.host, p.port, a.ip), ',' order by p.protocol, p.host)
          from port p join address_allocation a on a.compute_id = p.compute_id),
        (select string_agg(d.inventory ->> 'linkAddress', ',' order by d.seq)
          from device d where d.state not in ('discovered', 'retired'))
      )) as fingerprint`),
  );
  return row.fingerprint;
}

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
