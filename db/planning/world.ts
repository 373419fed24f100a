import { sql } from 'drizzle-orm';
import { classCauses } from '../../core/checkCompatibility.ts';
import type { Cause } from '../../core/cause.ts';
import type { PlacementStrategy } from '../../core/choosePlacement.ts';
import { deviceClass } from '../../core/deviceClass.ts';
import type { MoveWorld } from '../../core/planMoves.ts';
import { type MoveFacts, type MovePrediction, predictMove } from '../../core/predictMove.ts';
import type { Database } from '../database.ts';
import { allDevices, type DeviceRow } from '../devices.ts';
import { linkSpeeds } from '../moveHistory.ts';
import { readCandidates } from './candidates.ts';
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
  const [candidates, overheadMs, ...speeds] = await Promise.all([
    readCandidates(db, devices, { without, images }),
    usualOverheadMs(db),
    ...sources.map((source) => linkSpeeds(db, source)),
  ]);
  const links = new Map(sources.map((source, index) => [source, speeds[index] ?? new Map<string, number>()]));
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
    link: linkOf(speeds ?? new Map<string, number>(), target),
    overheadMs,
  });
}

function linkOf(speeds: ReadonlyMap<string, number>, target: string): MoveFacts['link'] {
  const own = speeds.get(target);
  if (own !== undefined) return { bytesPerSecond: own, between: 'these' };
  if (speeds.size === 0) return null;
  return { bytesPerSecond: Math.min(...speeds.values()), between: 'others' };
}

/** Each two classes are compared once, when they are asked for. */
export function betweenDevices(devices: readonly DeviceRow[]): (source: string, target: string) => Cause[] {
  const rows = new Map(devices.map((row) => [row.id, row]));
  const known = new Map<string, Cause[]>();
  return (source, target) => {
    const [from, to] = [rows.get(source), rows.get(target)];
    if (!from || !to) return [];
    const key = `${from.classId ?? from.id} ${to.classId ?? to.id}`;
    const causes = known.get(key) ?? classCauses(deviceClass(from.inventory), deviceClass(to.inventory));
    known.set(key, causes);
    return causes;
  };
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
