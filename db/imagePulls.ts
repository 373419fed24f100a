import { and, count, eq, lt, sql } from 'drizzle-orm';
import { type Cause, DrayageError } from '../core/cause.ts';
import type { Scope } from '../core/tenancy.ts';
import { type Database, only } from './database.ts';
import { image, imagePull } from './schema/index.ts';
import { inScope, lockTenant } from './tenants.ts';

export type ImagePullRow = typeof imagePull.$inferSelect;
export type ImagePullRecord = ImagePullRow & { imageName: string | null };

/** So many at once a tenant may have. */
const RUNNING_MAX = 4;
/** A pull whose workflow was not started by then never will be: who recorded it was killed. */
const STARTED_WITHIN_MINUTES = 5;
const KEPT_DAYS = 7;

/** Records that an image is to be pulled. @throws DrayageError tooManyPulls */
export async function createPull(
  db: Database,
  values: Pick<ImagePullRow, 'id' | 'tenantId' | 'reference' | 'name' | 'architecture' | 'actor'>,
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockTenant(tx, values.tenantId);
    const ofTenant = and(eq(imagePull.tenantId, values.tenantId), eq(imagePull.state, 'running'));
    const { running } = only(await tx.select({ running: count() }).from(imagePull).where(ofTenant));
    if (running >= RUNNING_MAX)
      throw new DrayageError({
        code: 'tooManyPulls',
        message: `${String(running)} images are being pulled for the tenant already.`,
        mend: 'Wait until one of them has come.',
      });
    await tx.insert(imagePull).values(values);
  });
}

/** Whosever it is. @throws DrayageError unknownPull */
export async function getPull(db: Database, id: string): Promise<ImagePullRow> {
  const [row] = await db.select().from(imagePull).where(eq(imagePull.id, id));
  if (!row) throw unknownPull(id);
  return row;
}

/** @throws DrayageError unknownPull, also for another tenant's */
export async function pullInScope(db: Database, scope: Scope, id: string): Promise<ImagePullRecord> {
  const [row] = await db
    .select({ pull: imagePull, imageName: image.name })
    .from(imagePull)
    .leftJoin(image, eq(image.id, imagePull.imageId))
    .where(and(eq(imagePull.id, id), inScope(imagePull.tenantId, scope, true)));
  if (!row) throw unknownPull(id);
  return { ...row.pull, imageName: row.imageName };
}

export async function setPullRun(db: Database, id: string, runId: string): Promise<void> {
  await db.update(imagePull).set({ runId }).where(eq(imagePull.id, id));
}

/** The image has come. One that has ended stays as it is. */
export async function pullSucceeded(
  db: Database,
  id: string,
  became: { imageId: string; manifestDigest: string },
): Promise<void> {
  await db
    .update(imagePull)
    .set({ ...became, state: 'succeeded', endedAt: sql`now()` })
    .where(and(eq(imagePull.id, id), eq(imagePull.state, 'running')));
}

/** The image does not come. One that has ended stays as it is. */
export async function pullFailed(db: Database, id: string, cause: Cause): Promise<void> {
  await db
    .update(imagePull)
    .set({ causes: [cause], state: 'failed', endedAt: sql`now()` })
    .where(and(eq(imagePull.id, id), eq(imagePull.state, 'running')));
}

/** Ends what was recorded and never begun, and forgets what ended a week ago. */
export async function clearPulls(db: Database): Promise<void> {
  const cause: Cause = {
    code: 'pullNotStarted',
    message: 'The control plane was stopped before it began.',
    mend: 'Pull the image again.',
  };
  const late = sql`now() - make_interval(mins => ${STARTED_WITHIN_MINUTES})`;
  await db
    .update(imagePull)
    .set({ causes: [cause], state: 'failed', endedAt: sql`now()` })
    .where(and(eq(imagePull.state, 'running'), eq(imagePull.runId, ''), lt(imagePull.createdAt, late)));
  await db.delete(imagePull).where(lt(imagePull.endedAt, sql`now() - make_interval(days => ${KEPT_DAYS})`));
}

function unknownPull(id: string): DrayageError {
  return new DrayageError({
    code: 'unknownPull',
    message: `There is no pull ${id}.`,
    mend: 'Pull the image again, with `drayage image pull`; what has ended is forgotten after a week.',
  });
}
