import { sql } from 'drizzle-orm';
import { type Demand } from '../../core/choosePlacement.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { demandOf } from '../../core/demand.ts';
import type { Database } from '../database.ts';
import { AdvisoryLock } from '../locks.ts';

/** What devices will have to give that they have not given yet, and what is kept apart on them. */
export interface Claims {
  /** Room, by device. */
  room: Map<string, Pick<Demand, 'memoryBytes' | 'diskBytes'>>;
  /** Words of computes that are there or coming, by device; each with its tenant. */
  apart: Map<string, string[]>;
}

/** The last of this process that gives away room, or waits to. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Does it in one transaction, in which nobody else gives away room: what one plan has seen as free, no other takes. Those of one
 * process wait for each other without a connection: else two hundred moves that are asked for at once would have all of them, and
 * no sign of life could be recorded meanwhile. Not to be called inside itself.
 */
export async function placing<T>(db: Database, action: (tx: Database) => Promise<T>): Promise<T> {
  const done = turn.then(() =>
    db.transaction(async (tx) => {
      await tx.execute(sql`select pg_advisory_xact_lock(${AdvisoryLock.placing})`);
      return action(tx);
    }),
  );
  turn = done.catch(() => undefined);
  return done;
}

/**
 * What is claimed of all devices: by moves under way, by computes that are being made, or came after the device has told last
 * what it has free, and by the plans of open evacuations, but for those of `without`.
 */
export async function readClaims(db: Database, without: readonly string[] = []): Promise<Claims> {
  const rows = await db.execute<{
    device: string;
    tenant: string;
    spec: ComputeSpec;
    bytes: number;
    counts: boolean;
  }>(sql`
    with coming as (
      select group_id, target_id as device_id from migration where ended_at is null
      union
      select i.group_id, i.target_id from evacuation_item i join evacuation e on e.id = i.evacuation_id
      where e.ended_at is null and i.state = 'waiting' and i.target_id is not null
        and not (e.id = any(${sql.param([...without])}::text[]))
    )
    select c.device_id as device, k.tenant_id as tenant, k.spec, coalesce(b.bytes, 0)::float8 as bytes, true as counts
    from coming c join compute k on k.group_id = c.group_id and k.deleted_at is null
    left join image i on i.id = k.image_id left join image_blob b on b.digest = i.digest
    union all
    select p.device_id, k.tenant_id, k.spec, coalesce(b.bytes, 0)::float8,
      (k.state = 'creating' or p.changed_at > d.last_heartbeat_at)
    from compute k join placement p on p.group_id = k.group_id join device d on d.id = p.device_id
    left join image i on i.id = k.image_id left join image_blob b on b.digest = i.digest
    where k.deleted_at is null and k.id in (
      select id from compute where state = 'creating'
      union all select id from compute where spec ? 'apart'
      union all select n.id from placement q join device e on e.id = q.device_id
        join compute n on n.group_id = q.group_id where q.changed_at > e.last_heartbeat_at
    )`);
  const claims: Claims = { room: new Map(), apart: new Map() };
  for (const { device, tenant, spec, bytes, counts } of rows) {
    const demand = demandOf({ tenantId: tenant, spec, imageBytes: bytes });
    if (counts) {
      const { memoryBytes, diskBytes } = claims.room.get(device) ?? { memoryBytes: 0, diskBytes: 0 };
      claims.room.set(device, {
        memoryBytes: memoryBytes + demand.memoryBytes,
        diskBytes: diskBytes + demand.diskBytes,
      });
    }
    if ((demand.apart ?? []).length > 0)
      claims.apart.set(device, [...(claims.apart.get(device) ?? []), ...(demand.apart ?? [])]);
  }
  return claims;
}
