import { and, asc, eq, exists, isNull, or, sql } from 'drizzle-orm';
import { type Database, unknown } from './database.ts';
import type { ImageWithBlob } from './images.ts';
import { app, compute, image, imageBlob, migration, placement } from './schema/index.ts';

/**
 * An image, by id or digest, that a device may have: one that a compute is made of which is placed on the device, or is
 * moving to it; and the base of an application while the device builds it. @throws DrayageError unknownImage, also for one that is there and that the device has no use for
 */
export async function imageForDevice(
  db: Database,
  deviceId: string,
  idOrDigest: string,
): Promise<ImageWithBlob> {
  const placed = db
    .select()
    .from(placement)
    .where(and(eq(placement.groupId, compute.groupId), eq(placement.deviceId, deviceId)));
  const coming = db
    .select()
    .from(migration)
    .where(
      and(
        eq(migration.groupId, compute.groupId),
        eq(migration.targetId, deviceId),
        isNull(migration.endedAt),
      ),
    );
  const used = db
    .select()
    .from(compute)
    .where(and(eq(compute.imageId, image.id), isNull(compute.deletedAt), or(exists(placed), exists(coming))));
  const builtOn = db
    .select()
    .from(app)
    .where(and(eq(app.deviceId, deviceId), isNull(app.endedAt), sql`${app.base} ->> 'id' = ${image.id}`));
  const column = idOrDigest.startsWith('sha256:') ? image.digest : image.id;
  const [row] = await db
    .select({ image, blob: imageBlob })
    .from(image)
    .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
    .where(and(eq(column, idOrDigest), or(exists(used), exists(builtOn))))
    .orderBy(asc(image.seq))
    .limit(1);
  if (!row) throw unknown('image', idOrDigest);
  return { ...row.image, blob: row.blob };
}
