import { and, eq, gt, lt, not, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { RootFileSystemOptions } from '../core/imageArchive.ts';
import type { Scope } from '../core/tenancy.ts';
import { type Database, only } from './database.ts';
import { claimQuota } from './quotas.ts';
import { image, imageUpload } from './schema/index.ts';
import { inScope, lockTenant } from './tenants.ts';

type ImageUploadRow = typeof imageUpload.$inferSelect;
export type ImageUploadRecord = ImageUploadRow & { imageName: string | null };

/** So long after its last part an upload is forgotten. */
const KEPT_HOURS = 24;
const later = sql`now() + make_interval(hours => ${KEPT_HOURS})`;
const isOpen = and(not(imageUpload.finished), gt(imageUpload.expiresAt, sql`now()`));

/**
 * Begins an upload, or finds the one that was begun for the same file and name. Its bytes count of the tenant's quota from
 * now on.
 * @throws RefusedError quotaExceeded
 */
export async function createUpload(
  db: Database,
  values: {
    id: string;
    tenantId: string;
    name: string;
    bytes: number;
    digest: string;
    options: RootFileSystemOptions;
  },
): Promise<ImageUploadRecord> {
  return db.transaction(async (tx) => {
    const { tenantId, name, bytes, digest, options } = values;
    // Two who ask at once get one upload.
    await lockTenant(tx, tenantId);
    const [begun] = await tx
      .select()
      .from(imageUpload)
      .where(
        and(
          isOpen,
          eq(imageUpload.tenantId, tenantId),
          eq(imageUpload.name, name),
          eq(imageUpload.bytes, bytes),
          eq(imageUpload.digest, digest),
          eq(imageUpload.options, options),
        ),
      )
      .limit(1);
    if (begun) return { ...begun, imageName: null };
    await claimQuota(tx, tenantId, { imageBytes: bytes });
    const made = await tx
      .insert(imageUpload)
      .values({ ...values, expiresAt: later })
      .returning();
    return { ...only(made), imageName: null };
  });
}

/** @throws DrayageError unknownUpload, also for another tenant's and for one that was forgotten */
export async function uploadInScope(db: Database, scope: Scope, id: string): Promise<ImageUploadRecord> {
  const [row] = await db
    .select({ upload: imageUpload, imageName: image.name })
    .from(imageUpload)
    .leftJoin(image, eq(image.id, imageUpload.imageId))
    .where(
      and(
        eq(imageUpload.id, id),
        gt(imageUpload.expiresAt, sql`now()`),
        inScope(imageUpload.tenantId, scope, true),
      ),
    );
  if (!row) throw unknownUpload(id);
  return { ...row.upload, imageName: row.imageName };
}

function unknownUpload(id: string): DrayageError {
  return new DrayageError({
    code: 'unknownUpload',
    message: `There is no upload ${id}.`,
    mend: 'Begin it anew, with `drayage image import`; one that nothing is sent to is forgotten after a day.',
  });
}

/** A part has come: it is kept for its whole time again. Resolves with when it is forgotten. */
export async function prolongUpload(db: Database, id: string): Promise<Date> {
  const [row] = await db
    .update(imageUpload)
    .set({ expiresAt: later })
    .where(eq(imageUpload.id, id))
    .returning({ expiresAt: imageUpload.expiresAt });
  if (!row) throw unknownUpload(id);
  return row.expiresAt;
}

/** Forgets an upload. Nothing there is no error. */
export async function removeUpload(db: Database, id: string): Promise<void> {
  await db.delete(imageUpload).where(eq(imageUpload.id, id));
}

/** Forgets those whose time is over; resolves with their ids. */
export async function removeExpiredUploads(db: Database): Promise<string[]> {
  const removed = await db
    .delete(imageUpload)
    .where(lt(imageUpload.expiresAt, sql`now()`))
    .returning({ id: imageUpload.id });
  return removed.map(({ id }) => id);
}
