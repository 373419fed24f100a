import { and, asc, count, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { Quota } from '../core/quota.ts';
import { type AccountRole, decideOwnerChange, type Scope, type TenantRole } from '../core/tenancy.ts';
import { type Database, isViolation, only, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import {
  account,
  type app,
  compute,
  type computeGroup,
  image,
  type imagePull,
  type imageUpload,
  invitation,
  membership,
  type registryCredential,
  snapshot,
  tenant,
  webhook,
} from './schema/index.ts';

export type Tenant = typeof tenant.$inferSelect;

/** A tenant as one account sees it; `role` is null for an operator that is no member. */
export type TenantOfAccount = Tenant & { role: TenantRole | null };

/** Makes a tenant with its first owner. @throws DrayageError nameTaken */
export async function createTenant(
  db: Database,
  values: { id: string; name: string; owner: string },
): Promise<Tenant> {
  const { owner, ...row } = values;
  try {
    return await db.transaction(async (tx) => {
      const made = only(await tx.insert(tenant).values(row).returning());
      await tx.insert(membership).values({ tenantId: made.id, accountId: owner, role: 'owner' });
      const message = `Tenant ${made.name} was made.`;
      await addEvent(tx, { type: 'tenant.created', subject: made.id, actor: owner, message });
      return made;
    });
  } catch (error) {
    if (!isViolation(error, '23505', 'tenant_name')) throw error;
    throw nameTaken(values.name);
  }
}

const nameTaken = (name: string) =>
  new DrayageError({
    code: 'nameTaken',
    message: `Another tenant is called ${name}.`,
    mend: 'Choose another name.',
  });

/**
 * A tenant that the account may know: one it is a member of, or any for an operator. By id or name; without either the one it
 * has been a member of for longest. Null when there is none.
 */
export async function findTenant(
  db: Database,
  who: { accountId: string; role: AccountRole },
  idOrName?: string,
): Promise<TenantOfAccount | null> {
  const named =
    idOrName === undefined ? undefined : eq(idOrName.startsWith('tnt_') ? tenant.id : tenant.name, idOrName);
  const mine = and(eq(membership.tenantId, tenant.id), eq(membership.accountId, who.accountId));
  const known =
    who.role === 'operator' && named !== undefined ? undefined : sql`${membership.role} is not null`;
  const [row] = await db
    .select({ tenant, role: membership.role })
    .from(tenant)
    .leftJoin(membership, mine)
    .where(and(named, known, isNull(tenant.deletedAt)))
    .orderBy(asc(membership.seq))
    .limit(1);
  return row ? { ...row.tenant, role: row.role } : null;
}

/** The tenants an account is a member of, in the order in which it became one; an operator's list has all. */
export async function listTenants(
  db: Database,
  who: { accountId: string; role: AccountRole },
  page: PageRequest,
): Promise<Page<TenantOfAccount>> {
  const after = cursorSequence(page.cursor);
  const mine = and(eq(membership.tenantId, tenant.id), eq(membership.accountId, who.accountId));
  const rows = await db
    .select({ tenant, role: membership.role })
    .from(tenant)
    .leftJoin(membership, mine)
    .where(
      and(
        isNull(tenant.deletedAt),
        who.role === 'operator' ? undefined : sql`${membership.role} is not null`,
        after === null ? undefined : gt(tenant.seq, after),
      ),
    )
    .orderBy(asc(tenant.seq))
    .limit(page.limit + 1);
  return toPage(
    rows.map((row) => ({ ...row.tenant, role: row.role })),
    page.limit,
  );
}

/** Of all that an account is a member of. */
export async function membershipsOf(
  db: Database,
  accountId: string,
): Promise<{ id: string; name: string; role: TenantRole }[]> {
  return db
    .select({ id: tenant.id, name: tenant.name, role: membership.role })
    .from(membership)
    .innerJoin(tenant, and(eq(tenant.id, membership.tenantId), isNull(tenant.deletedAt)))
    .where(eq(membership.accountId, accountId))
    .orderBy(asc(membership.seq));
}

/** Changes a tenant's quota; what is undefined stays. @throws DrayageError unknownTenant */
export async function setQuota(db: Database, id: string, quota: Partial<Quota>): Promise<Tenant> {
  const [row] = await db
    .update(tenant)
    // Nothing to change is no error: the identity is written as it is.
    .set({ ...quota, id })
    .where(and(eq(tenant.id, id), isNull(tenant.deletedAt)))
    .returning();
  if (!row) throw unknown('tenant', id);
  return row;
}

/** Deletes a tenant that has nothing any more. @throws DrayageError tenantInUse, unknownTenant */
export async function removeTenant(db: Database, id: string, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const row = await lockTenant(tx, id);
    const [computes] = await tx
      .select({ is: count() })
      .from(compute)
      .where(and(eq(compute.tenantId, id), isNull(compute.deletedAt)));
    const [images] = await tx.select({ is: count() }).from(image).where(eq(image.tenantId, id));
    const [snapshots] = await tx
      .select({ is: count() })
      .from(snapshot)
      .where(and(eq(snapshot.tenantId, id), ne(snapshot.state, 'failed')));
    const has = { computes: computes?.is ?? 0, images: images?.is ?? 0, snapshots: snapshots?.is ?? 0 };
    if (has.computes + has.images + has.snapshots > 0) throw inUse(row.name, has);
    await tx.delete(membership).where(eq(membership.tenantId, id));
    await tx.delete(invitation).where(eq(invitation.tenantId, id));
    await tx.delete(webhook).where(eq(webhook.tenantId, id));
    await tx
      .update(tenant)
      .set({ deletedAt: sql`now()` })
      .where(eq(tenant.id, id));
    await addEvent(tx, {
      type: 'tenant.deleted',
      subject: id,
      actor,
      message: `Tenant ${row.name} was deleted.`,
    });
  });
}

function inUse(name: string, has: Record<'computes' | 'images' | 'snapshots', number>): DrayageError {
  const list = Object.entries(has).map(([what, number]) => `${String(number)} ${what}`);
  return new DrayageError({
    code: 'tenantInUse',
    message: `Tenant ${name} still has ${list.join(', ')}.`,
    mend: 'Delete them first.',
  });
}

/** Holds a tenant to the end of the transaction: what is counted of it stays so. @throws DrayageError unknownTenant */
export async function lockTenant(tx: Database, id: string): Promise<Tenant> {
  const [row] = await tx
    .select()
    .from(tenant)
    .where(and(eq(tenant.id, id), isNull(tenant.deletedAt)))
    .for('update');
  if (!row) throw unknown('tenant', id);
  return row;
}

const unknownMember = (accountId: string) =>
  new DrayageError({
    code: 'unknownMember',
    message: `The tenant has no member ${accountId}.`,
    mend: 'List them with `drayage tenant members`.',
  });

export interface Member {
  account: { id: string; email: string };
  role: TenantRole;
  createdAt: Date;
  seq: number;
}

export async function listMembers(db: Database, tenantId: string, page: PageRequest): Promise<Page<Member>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select({
      account: { id: account.id, email: account.email },
      role: membership.role,
      createdAt: membership.createdAt,
      seq: membership.seq,
    })
    .from(membership)
    .innerJoin(account, eq(account.id, membership.accountId))
    .where(and(eq(membership.tenantId, tenantId), after === null ? undefined : gt(membership.seq, after)))
    .orderBy(asc(membership.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** Changes a member's role, or ends the membership (null). @throws DrayageError unknownMember, lastOwner */
export async function changeMember(
  db: Database,
  tenantId: string,
  accountId: string,
  role: TenantRole | null,
  actor: string,
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockTenant(tx, tenantId);
    const ofMember = and(eq(membership.tenantId, tenantId), eq(membership.accountId, accountId));
    const [before] = await tx.select().from(membership).where(ofMember);
    if (!before) throw unknownMember(accountId);
    const [owners] = await tx
      .select({ are: count() })
      .from(membership)
      .where(and(eq(membership.tenantId, tenantId), eq(membership.role, 'owner')));
    const decision = decideOwnerChange(owners?.are ?? 0, before.role, role);
    if (decision.action === 'refuse') throw new DrayageError(decision.cause);
    if (role === null) await tx.delete(membership).where(ofMember);
    else await tx.update(membership).set({ role }).where(ofMember);
    await addEvent(tx, {
      type: role === null ? 'tenant.memberRemoved' : 'tenant.memberChanged',
      subject: tenantId,
      actor,
      message: role === null ? 'A member was removed.' : `A member is ${role} now.`,
      data: { account: accountId, role },
    });
  });
}

/** The condition by which a request sees only what is its tenant's; by its id an operator finds what is another's. */
export function inScope(
  column:
    | typeof app.tenantId
    | typeof compute.tenantId
    | typeof computeGroup.tenantId
    | typeof image.tenantId
    | typeof imageUpload.tenantId
    | typeof imagePull.tenantId
    | typeof registryCredential.tenantId
    | typeof snapshot.tenantId
    | typeof webhook.tenantId,
  scope: Scope,
  byId: boolean,
) {
  return scope.everywhere && byId ? undefined : eq(column, scope.tenantId);
}
