import { and, count, eq, gt, isNull, not, sql, sum } from 'drizzle-orm';
import { RefusedError } from '../core/cause.ts';
import { decideQuota, type Demand, type Usage } from '../core/quota.ts';
import type { Database } from './database.ts';
import { compute, image, imageBlob, imageUpload, snapshot } from './schema/index.ts';
import { lockTenant } from './tenants.ts';

/** What a tenant has now, in the quota's units; a compute without a limit counts nothing. */
export async function usageOf(db: Database, tenantId: string): Promise<Usage> {
  const limitOf = (name: string) => sql<number>`(${compute.spec} ->> ${name})::double precision`;
  const [computes] = await db
    .select({ are: count(), memory: sum(limitOf('memoryBytes')), cpus: sum(limitOf('cpus')) })
    .from(compute)
    .where(and(eq(compute.tenantId, tenantId), isNull(compute.deletedAt)));
  // Two names of one content are one archive.
  const contents = db
    .selectDistinct({ digest: image.digest })
    .from(image)
    .where(eq(image.tenantId, tenantId))
    .as('contents');
  const [images] = await db
    .select({ bytes: sum(imageBlob.bytes) })
    .from(contents)
    .innerJoin(imageBlob, eq(imageBlob.digest, contents.digest));
  // What is being sent has its room already.
  const [uploads] = await db
    .select({ bytes: sum(imageUpload.bytes) })
    .from(imageUpload)
    .where(
      and(
        eq(imageUpload.tenantId, tenantId),
        not(imageUpload.finished),
        gt(imageUpload.expiresAt, sql`now()`),
      ),
    );
  const [snapshots] = await db
    .select({ bytes: sum(snapshot.bytes) })
    .from(snapshot)
    .where(eq(snapshot.tenantId, tenantId));
  const bytes = [images, uploads, snapshots].map((row) => Number(row?.bytes ?? 0));
  return {
    computes: computes?.are ?? 0,
    memoryBytes: Number(computes?.memory ?? 0),
    cpus: Number(computes?.cpus ?? 0),
    imageBytes: bytes.reduce((total, one) => total + one, 0),
  };
}

/**
 * Lets a tenant have more, to the end of the transaction: nothing else is added to it meanwhile.
 * @throws RefusedError quotaExceeded, quotaNeedsLimit
 */
export async function claimQuota(tx: Database, tenantId: string, demand: Demand): Promise<void> {
  const { computes, memoryBytes, cpus, imageBytes } = await lockTenant(tx, tenantId);
  const quota = { computes, memoryBytes, cpus, imageBytes };
  const decision = decideQuota(quota, await usageOf(tx, tenantId), demand);
  if (decision.action === 'refuse') throw new RefusedError(decision.causes);
}
