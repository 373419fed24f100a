import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { Scope } from '../core/tenancy.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { claimQuota } from './quotas.ts';
import { compute, image, imageBlob, imageUpload } from './schema/index.ts';
import { inScope } from './tenants.ts';

export type ImageRow = typeof image.$inferSelect;
export type ImageBlobRow = typeof imageBlob.$inferSelect;
export type ImageWithBlob = ImageRow & { blob: ImageBlobRow };

const selection = { image, blob: imageBlob };
const join = (row: { image: ImageRow; blob: ImageBlobRow }): ImageWithBlob => ({
  ...row.image,
  blob: row.blob,
});

/** Serialises the making and removing of one archive file against each other, to the end of the transaction. */
async function lockDigest(tx: Database, digest: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${digest}, 7480))`);
}

/**
 * Records an image whose archive was received. `keep` puts the archive in its place; it is called only when there is
 * none of that digest yet, inside the transaction. The same name for the same content is no error.
 * @throws DrayageError nameTaken, quotaExceeded
 */
export async function createImage(
  db: Database,
  values: {
    id: string;
    tenantId: string;
    name: string;
    blob: Omit<ImageBlobRow, 'createdAt' | 'layers'> & { layers?: string[] };
    actor?: string;
    /** The upload that becomes this image: its room is the image's from now on. */
    uploadId?: string | undefined;
  },
  keep: () => Promise<void>,
): Promise<ImageWithBlob> {
  return db.transaction(async (tx) => {
    const { id, tenantId, name, blob, actor, uploadId } = values;
    await lockDigest(tx, blob.digest);
    const ofDigest = and(eq(image.tenantId, tenantId), eq(image.digest, blob.digest));
    const [has] = await tx.select({ id: image.id }).from(image).where(ofDigest).limit(1);
    const reserved = uploadId === undefined ? 0 : await reservedBytes(tx, uploadId);
    await claimQuota(tx, tenantId, { imageBytes: (has ? 0 : blob.bytes) - reserved });
    const made = await tx.insert(imageBlob).values(blob).onConflictDoNothing().returning();
    await tx
      .insert(image)
      .values({ id, tenantId, name, digest: blob.digest })
      .onConflictDoNothing({ target: [image.tenantId, image.name] });
    const row = only(
      await tx
        .select(selection)
        .from(image)
        .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
        .where(and(eq(image.tenantId, tenantId), eq(image.name, name))),
    );
    if (row.image.digest !== values.blob.digest) throw imageNameTaken(name);
    if (uploadId !== undefined) {
      const became = { finished: true, imageId: row.image.id };
      await tx.update(imageUpload).set(became).where(eq(imageUpload.id, uploadId));
    }
    if (made.length === 1) await keep();
    const message = `${name} was imported.`;
    await addEvent(tx, { type: 'image.imported', subject: row.image.id, tenantId, actor, message });
    return join(row);
  });
}

/** What an upload counts of its tenant's quota, bytes. */
async function reservedBytes(tx: Database, uploadId: string): Promise<number> {
  const [upload] = await tx.select().from(imageUpload).where(eq(imageUpload.id, uploadId)).for('update');
  return upload === undefined || upload.finished || upload.expiresAt < new Date() ? 0 : upload.bytes;
}

function imageNameTaken(name: string): DrayageError {
  return new DrayageError({
    code: 'nameTaken',
    message: `Another image is called ${name}.`,
    mend: 'Choose another name, or remove the other image first with `drayage image rm`.',
  });
}

/** By id or digest, whosever it is. */
export async function findImage(db: Database, idOrDigest: string): Promise<ImageWithBlob | null> {
  const column = idOrDigest.startsWith('sha256:') ? image.digest : image.id;
  return first(db, eq(column, idOrDigest));
}

/** By id or digest, whosever it is. @throws DrayageError unknownImage */
export async function getImage(db: Database, idOrDigest: string): Promise<ImageWithBlob> {
  const row = await findImage(db, idOrDigest);
  if (!row) throw unknown('image', idOrDigest);
  return row;
}

/** By id, name or digest, of what the scope shows. @throws DrayageError unknownImage, also for another tenant's */
export async function imageInScope(db: Database, scope: Scope, idOrName: string): Promise<ImageWithBlob> {
  const byId = idOrName.startsWith('img_');
  const column = byId ? image.id : idOrName.startsWith('sha256:') ? image.digest : image.name;
  const row = await first(db, and(eq(column, idOrName), inScope(image.tenantId, scope, byId)));
  if (!row) throw unknown('image', idOrName);
  return row;
}

async function first(db: Database, condition: SQL | undefined): Promise<ImageWithBlob | null> {
  const [row] = await db
    .select(selection)
    .from(image)
    .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
    .where(condition)
    .orderBy(asc(image.seq))
    .limit(1);
  return row ? join(row) : null;
}

/** A tenant's images, in the order in which they came. */
export async function listImages(
  db: Database,
  tenantId: string,
  page: PageRequest,
): Promise<Page<ImageWithBlob>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select(selection)
    .from(image)
    .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
    .where(and(eq(image.tenantId, tenantId), after === null ? undefined : gt(image.seq, after)))
    .orderBy(asc(image.seq))
    .limit(page.limit + 1);
  return toPage(rows.map(join), page.limit);
}

/**
 * Removes an image by its id; `discard` deletes its archive and is called only when no other image has that digest.
 * @throws DrayageError unknownImage, imageInUse
 */
export async function removeImage(
  db: Database,
  id: string,
  actor: string | undefined,
  discard: (digest: string) => Promise<void>,
): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      const row = await getImage(tx, id);
      await lockDigest(tx, row.digest);
      await tx.delete(image).where(eq(image.id, row.id));
      const { tenantId, name } = row;
      const message = `${name} was deleted.`;
      await addEvent(tx, { type: 'image.deleted', subject: id, tenantId, actor, message });
      const others = await tx.select().from(image).where(eq(image.digest, row.digest)).limit(1);
      if (others.length > 0) return;
      await tx.delete(imageBlob).where(eq(imageBlob.digest, row.digest));
      await discard(row.digest);
    });
  } catch (error) {
    if (isViolation(error, '23503', 'runtime_base_image_id_image_id_fk')) throw imageIsBase(id);
    if (isViolation(error, '23503', 'snapshot_image_id_image_id_fk')) throw imageOfSnapshot(id);
    if (!isViolation(error, '23503')) throw error;
    throw new DrayageError({
      code: 'imageInUse',
      message: `A compute is made from image ${id}.`,
      mend: 'Delete its computes first; `drayage compute ls` shows them.',
    });
  }
}

function imageIsBase(id: string): DrayageError {
  return new DrayageError({
    code: 'imageInUse',
    message: `Applications are built on image ${id}.`,
    mend: 'Set another base first with `drayage runtime set`, or remove it with `drayage runtime rm`.',
  });
}

function imageOfSnapshot(id: string): DrayageError {
  return new DrayageError({
    code: 'imageInUse',
    message: `A snapshot needs image ${id} to be restored.`,
    mend: 'Delete its snapshots first; `drayage compute snapshot ls` shows them.',
  });
}

/** Computes that are made from an image, in the order in which they were made. */
export async function computesOfImage(
  db: Database,
  imageId: string,
): Promise<{ id: string; name: string }[]> {
  return db
    .select({ id: compute.id, name: compute.name })
    .from(compute)
    .where(and(eq(compute.imageId, imageId), isNull(compute.deletedAt)))
    .orderBy(asc(compute.seq));
}
