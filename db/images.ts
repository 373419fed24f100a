import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { image, imageBlob } from './schema/index.ts';

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
 * @throws DrayageError nameTaken
 */
export async function createImage(
  db: Database,
  values: { id: string; name: string; blob: Omit<ImageBlobRow, 'createdAt'> },
  keep: () => Promise<void>,
): Promise<ImageWithBlob> {
  return db.transaction(async (tx) => {
    await lockDigest(tx, values.blob.digest);
    const made = await tx.insert(imageBlob).values(values.blob).onConflictDoNothing().returning();
    const { id, name } = values;
    await tx
      .insert(image)
      .values({ id, name, digest: values.blob.digest })
      .onConflictDoNothing({ target: image.name });
    const row = only(
      await tx
        .select(selection)
        .from(image)
        .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
        .where(eq(image.name, name)),
    );
    if (row.image.digest !== values.blob.digest) throw imageNameTaken(name);
    if (made.length === 1) await keep();
    return join(row);
  });
}

function imageNameTaken(name: string): DrayageError {
  return new DrayageError({
    code: 'nameTaken',
    message: `Another image is called ${name}.`,
    mend: 'Choose another name, or remove the other image first with `drayage image rm`.',
  });
}

/** By id, name or digest. */
export async function findImage(db: Database, idOrName: string): Promise<ImageWithBlob | null> {
  const column = idOrName.startsWith('img_')
    ? image.id
    : idOrName.startsWith('sha256:')
      ? image.digest
      : image.name;
  const [row] = await db
    .select(selection)
    .from(image)
    .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
    .where(eq(column, idOrName))
    .orderBy(asc(image.seq))
    .limit(1);
  return row ? join(row) : null;
}

/** @throws DrayageError unknownImage */
export async function getImage(db: Database, idOrName: string): Promise<ImageWithBlob> {
  const row = await findImage(db, idOrName);
  if (!row) throw unknown('image', idOrName);
  return row;
}

export async function listImages(db: Database, page: PageRequest): Promise<Page<ImageWithBlob>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select(selection)
    .from(image)
    .innerJoin(imageBlob, eq(image.digest, imageBlob.digest))
    .where(and(after === null ? undefined : gt(image.seq, after)))
    .orderBy(asc(image.seq))
    .limit(page.limit + 1);
  return toPage(rows.map(join), page.limit);
}

/**
 * Removes an image; `discard` deletes its archive and is called only when no other image has that digest.
 * @throws DrayageError unknownImage, imageInUse
 */
export async function removeImage(
  db: Database,
  idOrName: string,
  discard: (digest: string) => Promise<void>,
): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      const row = await getImage(tx, idOrName);
      await lockDigest(tx, row.digest);
      await tx.delete(image).where(eq(image.id, row.id));
      const others = await tx.select().from(image).where(eq(image.digest, row.digest)).limit(1);
      if (others.length > 0) return;
      await tx.delete(imageBlob).where(eq(imageBlob.digest, row.digest));
      await discard(row.digest);
    });
  } catch (error) {
    if (!isViolation(error, '23503')) throw error;
    throw new DrayageError({
      code: 'imageInUse',
      message: `A compute is made from image ${idOrName}.`,
      mend: 'Delete its computes first; `drayage compute ls` shows them.',
    });
  }
}
