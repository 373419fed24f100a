import { randomBytes } from 'node:crypto';
import type postgres from 'postgres';
import type { ComputeSpec } from '../core/compute.ts';
import { newId } from '../core/ids.ts';
import { ipToNumber, macOfIp, numberToIp } from '../core/ipv4.ts';
import { holdOnFake } from '../lab/fakes.ts';
import type { Lab } from '../lab/state.ts';

/** Rows of one statement. */
const AT_ONCE = 1_000;

interface Pattern {
  spec: ComputeSpec;
  tenantId: string;
  imageId: string;
  createRunId: string;
}

/**
 * Puts `count` computes on these fake devices in turn, each like the one with the id `pattern`, and resolves with their ids. They
 * are put on record and given to the devices as they are once they run: making one by its workflow takes a third of a second
 * of a processor, ten thousand take an hour. Nobody else may make computes meanwhile.
 */
export async function fillFleet(
  lab: Lab,
  sql: postgres.Sql,
  { pattern, devices, count }: { pattern: string; devices: readonly string[]; count: number },
): Promise<string[]> {
  const [like] = await sql<Pattern[]>`
    select spec, tenant_id as "tenantId", image_id as "imageId", create_run_id as "createRunId"
    from compute where id = ${pattern}`;
  if (!like) throw new Error(`there is no compute ${pattern}`);
  const rows = await sql<{ id: string; name: string }[]>`select id, name from device`;
  const idOf = new Map(rows.map(({ id, name }) => [name, id]));
  const [taken] = await sql<
    { last: number }[]
  >`select max(ip_number)::float8 as last from address_allocation`;
  const free = (taken?.last ?? 0) + 1;
  const made = Array.from({ length: count }, (_, index) => {
    const on = devices[index % devices.length] ?? '';
    return { on, deviceId: idOf.get(on) ?? '', spec: specLike(like.spec, free + index) };
  });
  for (const [name, held] of Map.groupBy(made, ({ on }) => on))
    await holdOnFake(lab, name, { computes: held.map(({ spec }) => spec) });
  for (let from = 0; from < made.length; from += AT_ONCE)
    await record(sql, like, made.slice(from, from + AT_ONCE));
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

async function record(
  sql: postgres.Sql,
  { tenantId, imageId, createRunId }: Pattern,
  computes: readonly { deviceId: string; spec: ComputeSpec }[],
): Promise<void> {
  const groups = computes.map(({ spec }) => ({ id: spec.group }));
  const placements = computes.map(({ spec, deviceId }) => ({
    ...{ group_id: spec.group, device_id: deviceId, epoch: 1 },
  }));
  const rows = computes.map(({ spec }) => ({
    ...{ id: spec.id, group_id: spec.group, name: spec.name, tenant_id: tenantId, image_id: imageId },
    ...{ spec: sql.json(spec as unknown as postgres.JSONValue), state: 'running', desired: 'running' },
    create_run_id: createRunId,
  }));
  const addresses = computes.map(({ spec: { id, address } }) => ({
    ...{ compute_id: id, ip: address.ip, mac: address.mac, ip_number: ipToNumber(address.ip) },
  }));
  await sql.begin(async (tx) => {
    await tx`insert into compute_group ${tx(groups)}`;
    await tx`insert into placement ${tx(placements)}`;
    await tx`insert into compute ${tx(rows)}`;
    await tx`insert into address_allocation ${tx(addresses)}`;
  });
}
