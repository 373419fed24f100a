import { and, asc, eq, gt, isNotNull, isNull, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { Scope } from '../core/tenancy.ts';
import { unsettledMove } from '../core/unsettledMove.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { openMigration } from './migrationRecords.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { compute, computeGroup, device, placement } from './schema/index.ts';
import { inScope } from './tenants.ts';

/** A group that somebody made. */
export interface GroupRecord {
  id: string;
  seq: number;
  name: string;
  createdAt: Date;
  /** Who owns it; null while it is empty. */
  placement: { deviceId: string; deviceName: string; epoch: number } | null;
  /** In the order in which they were made. */
  computes: { id: string; name: string }[];
}

const selection = {
  id: computeGroup.id,
  seq: computeGroup.seq,
  name: computeGroup.name,
  createdAt: computeGroup.createdAt,
  placement: { deviceId: placement.deviceId, deviceName: device.name, epoch: placement.epoch },
  computes: sql<GroupRecord['computes']>`(select coalesce(
    json_agg(json_build_object('id', c.id, 'name', c.name) order by c.seq), '[]'
    ) from ${compute} c where c.group_id = ${computeGroup.id} and c.deleted_at is null)`,
};

function records(db: Database) {
  return db
    .select(selection)
    .from(computeGroup)
    .leftJoin(placement, eq(placement.groupId, computeGroup.id))
    .leftJoin(device, eq(device.id, placement.deviceId));
}

function record(row: Awaited<ReturnType<typeof records>>[number]): GroupRecord {
  const { deviceId, deviceName, epoch } = row.placement;
  const placed = deviceId !== null && deviceName !== null && epoch !== null;
  return { ...row, name: row.name ?? '', placement: placed ? { deviceId, deviceName, epoch } : null };
}

/** Makes a group without computes. @throws DrayageError nameTaken */
export async function createGroup(
  db: Database,
  values: { id: string; tenantId: string; name: string },
): Promise<GroupRecord> {
  try {
    await db.insert(computeGroup).values(values);
  } catch (error) {
    if (!isViolation(error, '23505', 'compute_group_name')) throw error;
    throw new DrayageError({
      code: 'nameTaken',
      message: `Another group is called ${values.name}.`,
      mend: 'Choose another name, or delete the other group first with `drayage group rm`.',
    });
  }
  return record(only(await records(db).where(eq(computeGroup.id, values.id))));
}

/** By id or name, of what the scope shows. @throws DrayageError unknownGroup, also for another tenant's */
export async function groupInScope(db: Database, scope: Scope, idOrName: string): Promise<GroupRecord> {
  const byId = idOrName.startsWith('grp_');
  const [row] = await records(db).where(
    and(
      eq(byId ? computeGroup.id : computeGroup.name, idOrName),
      isNotNull(computeGroup.name),
      inScope(computeGroup.tenantId, scope, byId),
      isNull(computeGroup.deletedAt),
    ),
  );
  if (!row) throw unknown('group', idOrName);
  return record(row);
}

/** A tenant's groups, in the order in which they were made. */
export async function listGroups(
  db: Database,
  tenantId: string,
  page: PageRequest,
): Promise<Page<GroupRecord>> {
  const after = cursorSequence(page.cursor);
  const rows = await records(db)
    .where(
      and(
        eq(computeGroup.tenantId, tenantId),
        isNull(computeGroup.deletedAt),
        after === null ? undefined : gt(computeGroup.seq, after),
      ),
    )
    .orderBy(asc(computeGroup.seq))
    .limit(page.limit + 1);
  return toPage(rows.map(record), page.limit);
}

/** Deletes a group that is empty. @throws DrayageError unknownGroup, also for another tenant's, and groupInUse */
export async function removeGroup(db: Database, scope: Scope, idOrName: string): Promise<void> {
  await db.transaction(async (tx) => {
    const { id } = await groupInScope(tx, scope, idOrName);
    await lockGroup(tx, id);
    const { name, computes } = await groupInScope(tx, scope, id);
    if (computes.length > 0) {
      throw new DrayageError({
        code: 'groupInUse',
        message: `Group ${name} has computes: ${computes.map((one) => one.name).join(', ')}.`,
        mend: 'Delete them first with `drayage compute rm`.',
      });
    }
    await tx
      .update(computeGroup)
      .set({ deletedAt: sql`now()` })
      .where(eq(computeGroup.id, id));
  });
}

/** The group of a lone compute, owned by its device from epoch 1 on. */
export async function foundGroup(tx: Database, group: string, deviceId: string): Promise<void> {
  await tx.insert(computeGroup).values({ id: group });
  await tx.insert(placement).values({ groupId: group, deviceId, epoch: 1 });
}

/**
 * Lets a compute that is being made into a group. The first one brings the group to its device, under an epoch that the
 * group never had; later ones go where the group is.
 * @throws DrayageError unknownGroup, groupElsewhere, migrationRunning, transferOpen
 */
export async function joinGroup(
  tx: Database,
  { tenantId, group, deviceId }: { tenantId: string; group: string; deviceId: string },
): Promise<void> {
  await lockGroup(tx, group);
  const [row] = await tx
    .select()
    .from(computeGroup)
    .where(
      and(eq(computeGroup.id, group), eq(computeGroup.tenantId, tenantId), isNull(computeGroup.deletedAt)),
    );
  if (!row) throw unknown('group', group);
  const [owned] = await tx.select().from(placement).where(eq(placement.groupId, group)).for('update');
  if (!owned) {
    await tx.insert(placement).values({ groupId: group, deviceId, epoch: row.epoch + 1 });
    return;
  }
  const name = row.name ?? group;
  if (owned.deviceId !== deviceId) throw groupElsewhere(name);
  const moving = await openMigration(tx, group);
  if (moving) {
    throw new DrayageError({
      code: 'migrationRunning',
      message: `Group ${name} is being moved (${moving.id}).`,
      mend: `Wait for it with \`drayage migration show ${moving.id}\` and try again.`,
    });
  }
  if (owned.transferId !== null) throw new DrayageError(unsettledMove(`group ${name}`));
}

/** The refusal of a device that is not the group's. */
export function groupElsewhere(group: string): DrayageError {
  return new DrayageError({
    code: 'groupElsewhere',
    message: `The computes of group ${group} are on another device.`,
    mend: 'Name no device, or move the group first with `drayage migrate`.',
  });
}

/** Ends a group's placement with its last compute. The caller holds the group's lock. */
export async function leaveGroup(tx: Database, group: string): Promise<void> {
  const [other] = await tx
    .select({ id: compute.id })
    .from(compute)
    .where(and(eq(compute.groupId, group), isNull(compute.deletedAt)))
    .limit(1);
  if (other) return;
  const [left] = await tx.delete(placement).where(eq(placement.groupId, group)).returning();
  if (!left) return;
  await tx.update(computeGroup).set({ epoch: left.epoch }).where(eq(computeGroup.id, group));
}

/** Nobody joins or leaves the compute's group until the transaction ends. */
export async function lockGroupOf(tx: Database, computeId: string): Promise<void> {
  const [row] = await tx.select({ groupId: compute.groupId }).from(compute).where(eq(compute.id, computeId));
  if (row) await lockGroup(tx, row.groupId);
}

/** Rows that only refer to the group can still be written. */
async function lockGroup(tx: Database, group: string): Promise<void> {
  await tx.select().from(computeGroup).where(eq(computeGroup.id, group)).for('no key update');
}
