import { createHash } from 'node:crypto';
import { and, eq, isNotNull, isNull, ne, notInArray, sql } from 'drizzle-orm';
import type { Inventory } from '../core/device.ts';
import { deviceClass } from '../core/deviceClass.ts';
import type { Database } from './database.ts';
import { device } from './schema/index.ts';

/** Names of its devices that are told of a class. */
const EXAMPLES = 5;

/** Id of the class of devices with such an inventory, e.g. `cls_0f3a…`: the same in every installation. */
export function classIdOf(inventory: Inventory): string {
  const hash = createHash('sha256').update(JSON.stringify(deviceClass(inventory)));
  return `cls_${hash.digest('hex').slice(0, 12)}`;
}

/** A class that some joined device is of. */
export interface ClassRow {
  id: string;
  /** Of one of its devices. */
  inventory: Inventory;
  devices: number;
  examples: { id: string; name: string }[];
}

/** All classes, by id: as many as there are kinds of devices, however many devices there are; `without` one device. */
export async function listClasses(db: Database, without?: string): Promise<ClassRow[]> {
  const reference = sql`jsonb_build_object('id', ${device.id}, 'name', ${device.name}) order by ${device.seq}`;
  return db
    .select({
      id: sql<string>`${device.classId}`,
      inventory: sql<Inventory>`(array_agg(${device.inventory} order by ${device.seq}))[1]`,
      devices: sql<number>`count(*)`.mapWith(Number),
      examples: sql<
        { id: string; name: string }[]
      >`to_jsonb((array_agg(${reference}))[1:${sql.raw(String(EXAMPLES))}])`,
    })
    .from(device)
    .where(
      and(
        isNotNull(device.classId),
        notInArray(device.state, ['discovered', 'retired']),
        without === undefined ? undefined : ne(device.id, without),
      ),
    )
    .groupBy(device.classId)
    .orderBy(device.classId);
}

/** A device that may be given computes now, and its room. */
export interface RoomyDevice {
  id: string;
  name: string;
  location: string | null;
  labels: Record<string, string>;
  architecture: string;
  classId: string | null;
  memoryAvailableBytes: number;
  diskAvailableBytes: number;
}

/** All that are ready and answer, those with the most memory first. */
export async function readyDevices(db: Database): Promise<RoomyDevice[]> {
  const bytes = (name: string) => sql<number>`(${device.inventory} ->> ${name})::float8`.mapWith(Number);
  const memory = bytes('memoryAvailableBytes');
  return db
    .select({
      ...{ id: device.id, name: device.name, location: device.location, labels: device.labels },
      architecture: sql<string>`${device.inventory} ->> 'architecture'`,
      classId: device.classId,
      memoryAvailableBytes: memory,
      diskAvailableBytes: bytes('diskAvailableBytes'),
    })
    .from(device)
    .where(and(eq(device.state, 'ready'), isNull(device.unreachableAt)))
    .orderBy(sql`(${device.inventory} ->> 'memoryAvailableBytes')::float8 desc`);
}
