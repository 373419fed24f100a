import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { TenantRole } from '../core/tenancy.ts';
import { type Database, only } from './database.ts';
import { addEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { invitation, membership } from './schema/index.ts';
import { lockTenant } from './tenants.ts';

export type Invitation = typeof invitation.$inferSelect;

export async function createInvitation(
  db: Database,
  values: {
    id: string;
    tenantId: string;
    email: string;
    role: TenantRole;
    secretHash: string;
    createdBy: string;
    lifeSeconds: number;
  },
): Promise<Invitation> {
  const { lifeSeconds, ...rest } = values;
  return db.transaction(async (tx) => {
    await lockTenant(tx, values.tenantId);
    const expiresAt = sql`now() + make_interval(secs => ${lifeSeconds})`;
    const row = only(
      await tx
        .insert(invitation)
        .values({ ...rest, expiresAt })
        .returning(),
    );
    await addEvent(tx, {
      type: 'tenant.invited',
      subject: values.tenantId,
      actor: values.createdBy,
      message: `${values.email} was invited as ${values.role}.`,
    });
    return row;
  });
}

export async function listInvitations(
  db: Database,
  tenantId: string,
  page: PageRequest,
): Promise<Page<Invitation>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(invitation)
    .where(and(eq(invitation.tenantId, tenantId), after === null ? undefined : gt(invitation.seq, after)))
    .orderBy(asc(invitation.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** @throws DrayageError unknownInvitation */
export async function removeInvitation(db: Database, tenantId: string, id: string): Promise<void> {
  const gone = await db
    .delete(invitation)
    .where(and(eq(invitation.id, id), eq(invitation.tenantId, tenantId)))
    .returning();
  if (gone.length === 0) {
    throw new DrayageError({
      code: 'unknownInvitation',
      message: `The tenant has no invitation ${id}.`,
      mend: 'List them with `drayage tenant invite --list`.',
    });
  }
}

/**
 * Makes the account a member; once, in time, and only the one that was invited. A member keeps the role that it has.
 * Call it in a transaction together with what depends on it. @throws DrayageError invitationRefused
 */
export async function acceptInvitation(
  tx: Database,
  secretHash: string,
  who: { accountId: string; email: string },
): Promise<{ tenantId: string; role: TenantRole }> {
  const [row] = await tx
    .update(invitation)
    .set({ acceptedAt: sql`now()` })
    .where(
      and(
        eq(invitation.secretHash, secretHash),
        eq(invitation.email, who.email),
        isNull(invitation.acceptedAt),
        gt(invitation.expiresAt, sql`now()`),
      ),
    )
    .returning();
  if (!row) throw refused();
  const { tenantId, role } = row;
  await lockTenant(tx, tenantId);
  await tx.insert(membership).values({ tenantId, accountId: who.accountId, role }).onConflictDoNothing();
  await addEvent(tx, {
    type: 'tenant.memberJoined',
    subject: tenantId,
    actor: who.accountId,
    message: `${who.email} joined as ${role}.`,
  });
  return { tenantId, role };
}

/** One answer for all: a secret that was guessed says nothing. */
function refused(): DrayageError {
  return new DrayageError({
    code: 'invitationRefused',
    message: 'The invitation is unknown, used, over, or for another email.',
    mend: 'Ask an owner of the tenant for a new one.',
  });
}
