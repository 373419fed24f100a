import { sql } from 'drizzle-orm';
import { betweenClasses } from '../../core/checkCompatibility.ts';
import type { Cause } from '../../core/cause.ts';
import type { PlacementStrategy } from '../../core/choosePlacement.ts';
import { type DeviceClass, deviceClass } from '../../core/deviceClass.ts';
import type { MoveWorld } from '../../core/planMoves.ts';
import { linkTo, type MovePrediction, predictMove } from '../../core/predictMove.ts';
import type { Database } from '../database.ts';
import { allDevices, type DeviceRow } from '../devices.ts';
import { linkSpeedsOf } from '../moveHistory.ts';
import { readScoredCandidates } from './candidates.ts';
import type { GroupUnit } from './units.ts';

/** So many last moves of all tell what a move takes besides its copy. */
const MOVES = 50;

/** All devices, and what moves between them cost: what plans are made of. Evacuations in `without` claim no room. */
export async function readWorld(
  db: Database,
  units: ReadonlyMap<string, GroupUnit>,
  { without, strategy }: { without: readonly string[]; strategy: PlacementStrategy },
): Promise<MoveWorld> {
  const devices = await allDevices(db);
  const sources = [...new Set([...units.values()].map(({ source }) => source))];
  const images = [...new Set([...units.values()].flatMap(({ demand }) => demand.images ?? []))];
  const [candidates, overheadMs, links] = await Promise.all([
    readScoredCandidates(db, devices, { without, images }),
    usualOverheadMs(db),
    linkSpeedsOf(db, sources),
  ]);
  return {
    devices: candidates,
    strategy,
    between: betweenDevices(devices),
    predict: ({ id, source }, target) => predictFor(units.get(id), links.get(source), target, overheadMs),
  };
}

function predictFor(
  unit: GroupUnit | undefined,
  speeds: ReadonlyMap<string, number> | undefined,
  target: string,
  overheadMs: number | null,
): MovePrediction {
  return predictMove({
    past: unit?.past ?? [],
    memoryBytes: unit?.usedBytes ?? null,
    link: linkTo(speeds ?? new Map<string, number>(), target),
    overheadMs,
  });
}

/** Each two classes are compared once, when they are asked for. */
export function betweenDevices(devices: readonly DeviceRow[]): (source: string, target: string) => Cause[] {
  const keys = new Map(devices.map(({ id, classId }) => [id, classId ?? id]));
  const facts = new Map<string, DeviceClass>();
  for (const { id, classId, inventory } of devices)
    if (!facts.has(classId ?? id)) facts.set(classId ?? id, deviceClass(inventory));
  const between = betweenClasses(facts);
  return (source, target) => between(keys.get(source) ?? source, keys.get(target) ?? target);
}

/** What moves took lately besides the copy of their memory, the median, milliseconds; null when there was none. */
async function usualOverheadMs(db: Database): Promise<number | null> {
  const [row] = await db.execute<{ overhead: number | null }>(sql`
    select percentile_cont(0.5) within group (order by greatest(0, total_ms - coalesce(wire_bytes / nullif(speed, 0) * 1000, 0)))::float8 as overhead
    from (
      select m.total_ms, m.wire_bytes, (
        select max(r.link_bytes_per_second) from migration_round r where r.migration_id = m.id
      ) as speed
      from migration m where m.state = 'succeeded' and m.frozen_ms is not null and m.total_ms is not null
      order by m.seq desc limit ${MOVES}
    ) last`);
  return row?.overhead ?? null;
}
