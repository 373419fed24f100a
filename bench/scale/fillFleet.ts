import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { ComputeSpec } from '../../core/compute.ts';
import { newId } from '../../core/ids.ts';
import { ipToNumber, macOfIp, numberToIp } from '../../core/ipv4.ts';
import type { Database } from '../../db/database.ts';
import { addressAllocation, compute, computeGroup, device, placement } from '../../db/schema/index.ts';
import { holdOnFake } from '../../lab/fakes.ts';
import type { Lab } from '../../lab/state.ts';

/** Rows of one statement. */
const AT_ONCE = 500;

/**
 * Puts `count` computes on these fake devices in turn, each like the one with the id `pattern`, and resolves with their ids. They
 * are put on record and given to the devices as they are once they run: making one by its workflow takes a third of a second
 * of a processor, ten thousand take an hour. Nobody else may make computes meanwhile.
 */
export async function fillFleet(
  lab: Lab,
  db: Database,
  { pattern, devices, count }: { pattern: string; devices: readonly string[]; count: number },
): Promise<string[]> {
  const [like] = await db.select().from(compute).where(eq(compute.id, pattern));
  if (!like) throw new Error(`there is no compute ${pattern}`);
  const rows = await db.select({ id: device.id, name: device.name }).from(device);
  const idOf = new Map(rows.map(({ id, name }) => [name, id]));
  const taken = await db.select({ number: addressAllocation.ipNumber }).from(addressAllocation);
  const free = Math.max(...taken.map(({ number }) => number)) + 1;
  const made = Array.from({ length: count }, (_, index) => {
    const name = devices[index % devices.length] ?? '';
    return { on: name, deviceId: idOf.get(name) ?? '', spec: specLike(like.spec, free + index) };
  });
  for (const [name, held] of Map.groupBy(made, ({ on }) => on))
    await holdOnFake(lab, name, { computes: held.map(({ spec }) => spec) });
  const { tenantId, imageId } = like;
  for (let from = 0; from < made.length; from += AT_ONCE) {
    const some = made.slice(from, from + AT_ONCE);
    await db.transaction(async (tx) => {
      await tx.insert(computeGroup).values(some.map(({ spec }) => ({ id: spec.group })));
      await tx
        .insert(placement)
        .values(some.map(({ spec, deviceId }) => ({ groupId: spec.group, deviceId, epoch: 1 })));
      await tx.insert(compute).values(
        some.map(({ spec }) => ({
          ...{ id: spec.id, groupId: spec.group, name: spec.name, tenantId, imageId, spec },
          ...{ state: 'running' as const, desired: 'running' as const, createRunId: like.createRunId },
        })),
      );
      await tx.insert(addressAllocation).values(
        some.map(({ spec: { id, address } }) => ({
          ...{ computeId: id, ip: address.ip, mac: address.mac, ipNumber: ipToNumber(address.ip) },
        })),
      );
    });
  }
  return made.map(({ spec }) => spec.id);
}

function specLike(like: ComputeSpec, ipNumber: number): ComputeSpec {
  const ip = numberToIp(ipNumber);
  return {
    ...like,
    ...{ id: newId('compute', randomBytes), group: newId('group', randomBytes) },
    name: `compute-${String(ipNumber)}`,
    address: { ...like.address, ip, mac: macOfIp(ip) },
  };
}
