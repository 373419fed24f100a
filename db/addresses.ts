import { eq, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { Address } from '../core/compute.ts';
import { type AddressRange, macOfIp, numberToIp } from '../core/ipv4.ts';
import type { Database } from './database.ts';
import { AdvisoryLock } from './locks.ts';
import { addressAllocation } from './schema/index.ts';

/**
 * The preferred address, a number, if it is free and of the range, else the lowest that is free; call it, and `keepAddress`, in
 * one transaction. @throws DrayageError noAddress
 */
export async function nextAddress(tx: Database, range: AddressRange, preferred = -1): Promise<Address> {
  await tx.execute(sql`select pg_advisory_xact_lock(${AdvisoryLock.addresses})`);
  const [row] = await tx.execute<{ free: string }>(sql`
    select n as free from (
      select ${preferred}::bigint as n, 0 as rank
      union all select ${range.first}::bigint, 1
      -- What follows one that is given out: the rest of the range need not be looked at.
      union all (
        select a.ip_number + 1, 2 from ${addressAllocation} a
        where a.ip_number between ${range.first} and ${range.last}
          and not exists (select from ${addressAllocation} b where b.ip_number = a.ip_number + 1)
        order by a.ip_number limit 1
      )
    ) possible
    where n between ${range.first} and ${range.last}
      and not exists (select from ${addressAllocation} a where a.ip_number = n)
    order by rank limit 1`);
  if (!row) {
    throw new DrayageError({
      code: 'noAddress',
      message: 'All addresses for computes are in use.',
      mend: 'Delete computes that are not needed, or widen DRAYAGE_COMPUTE_RANGE.',
    });
  }
  const ip = numberToIp(Number(row.free));
  return { ip, mac: macOfIp(ip), prefix: range.prefix, ...(range.gateway ? { gateway: range.gateway } : {}) };
}

export async function keepAddress(
  tx: Database,
  computeId: string,
  address: Address,
  ipNumber: number,
): Promise<void> {
  await tx.insert(addressAllocation).values({ computeId, ip: address.ip, mac: address.mac, ipNumber });
}

export async function releaseAddress(tx: Database, computeId: string): Promise<void> {
  await tx.delete(addressAllocation).where(eq(addressAllocation.computeId, computeId));
}
