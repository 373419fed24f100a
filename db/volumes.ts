import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import type { ComputeSpec } from '../core/compute.ts';
import type { Scope } from '../core/tenancy.ts';
import { type Database, unknown } from './database.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { compute, volume } from './schema/index.ts';
import { inScope } from './tenants.ts';

/** A volume with the compute that it belongs to. */
export interface VolumeRecord {
  id: string;
  seq: number;
  name: string;
  path: string;
  createdAt: Date;
  compute: { id: string; name: string };
}

/** Records a compute's volumes, in the transaction that makes it. */
export async function addVolumes(
  tx: Database,
  computeId: string,
  volumes: ComputeSpec['volumes'],
): Promise<void> {
  if (volumes.length === 0) return;
  await tx.insert(volume).values(volumes.map(({ name, path }) => ({ computeId, name, path })));
}

/** Those of a compute that is deleted. */
export async function forgetVolumes(tx: Database, computeId: string): Promise<void> {
  await tx.delete(volume).where(eq(volume.computeId, computeId));
}

function records(db: Database) {
  return db
    .select({
      ...{ id: volume.id, seq: volume.seq, name: volume.name, path: volume.path },
      createdAt: volume.createdAt,
      compute: { id: compute.id, name: compute.name },
    })
    .from(volume)
    .innerJoin(compute, eq(compute.id, volume.computeId));
}

/** A tenant's volumes, oldest first; of one compute, by its id, or of all. */
export async function listVolumes(
  db: Database,
  tenantId: string,
  page: PageRequest & { compute?: string | undefined },
): Promise<Page<VolumeRecord>> {
  const after = cursorSequence(page.cursor);
  const rows = await records(db)
    .where(
      and(
        eq(compute.tenantId, tenantId),
        isNull(compute.deletedAt),
        page.compute === undefined ? undefined : eq(compute.id, page.compute),
        after === null ? undefined : gt(volume.seq, after),
      ),
    )
    .orderBy(asc(volume.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** @throws DrayageError unknownVolume, also for another tenant's */
export async function volumeInScope(db: Database, scope: Scope, id: string): Promise<VolumeRecord> {
  const [found] = await records(db).where(
    and(eq(volume.id, id), isNull(compute.deletedAt), inScope(compute.tenantId, scope, true)),
  );
  if (!found) throw unknown('volume', id);
  return found;
}
