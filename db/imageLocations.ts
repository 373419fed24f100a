import { and, asc, eq, inArray, isNull, ne, notInArray } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { DeviceRow } from './devices.ts';
import { device, imageBlob, imageLocation } from './schema/index.ts';

/** More peers than this need not be tried for an image. */
const PEERS_MAX = 8;

/** Records which images a device has; digests that are no image of ours are passed over. */
export async function setImagesOfDevice(db: Database, deviceId: string, digests: string[]): Promise<void> {
  await db.transaction(async (tx) => {
    // The device's row: two reports at once are taken one after the other.
    await tx.select({ id: device.id }).from(device).where(eq(device.id, deviceId)).for('update');
    const gone =
      digests.length === 0
        ? eq(imageLocation.deviceId, deviceId)
        : and(eq(imageLocation.deviceId, deviceId), notInArray(imageLocation.digest, digests));
    await tx.delete(imageLocation).where(gone);
    if (digests.length === 0) return;
    const known = await tx
      .select({ digest: imageBlob.digest })
      .from(imageBlob)
      .where(inArray(imageBlob.digest, digests))
      // One that is being removed is waited for, and passed over then.
      .for('key share');
    if (known.length === 0) return;
    await tx
      .insert(imageLocation)
      .values(known.map(({ digest }) => ({ digest, deviceId })))
      .onConflictDoNothing();
  });
}

/** Devices that answer and have an image, but for the one that asks. */
export async function devicesWithImage(db: Database, digest: string, asking: string): Promise<DeviceRow[]> {
  const rows = await db
    .select({ device })
    .from(imageLocation)
    .innerJoin(device, eq(device.id, imageLocation.deviceId))
    .where(
      and(
        eq(imageLocation.digest, digest),
        ne(device.id, asking),
        isNull(device.unreachableAt),
        notInArray(device.state, ['discovered', 'pending', 'retired']),
      ),
    )
    .orderBy(asc(imageLocation.createdAt), asc(device.id))
    .limit(PEERS_MAX);
  return rows.map((row) => row.device);
}

/** Devices that have an image, by name. */
export async function whereImageIs(db: Database, digest: string): Promise<{ id: string; name: string }[]> {
  return db
    .select({ id: device.id, name: device.name })
    .from(imageLocation)
    .innerJoin(device, eq(device.id, imageLocation.deviceId))
    .where(and(eq(imageLocation.digest, digest), ne(device.state, 'retired')))
    .orderBy(asc(device.name));
}
