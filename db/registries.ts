import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Scope } from '../core/tenancy.ts';
import { type Database, only, unknown } from './database.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { registryCredential } from './schema/index.ts';
import { inScope } from './tenants.ts';

export type RegistryCredential = typeof registryCredential.$inferSelect;

/** Keeps how a tenant signs in at a registry; what it had for the same one before is replaced. */
export async function setRegistry(
  db: Database,
  values: Pick<RegistryCredential, 'id' | 'tenantId' | 'host' | 'username' | 'sealedPassword'>,
): Promise<RegistryCredential> {
  const { username, sealedPassword } = values;
  return only(
    await db
      .insert(registryCredential)
      .values(values)
      .onConflictDoUpdate({
        target: [registryCredential.tenantId, registryCredential.host],
        set: { username, sealedPassword, createdAt: sql`now()` },
      })
      .returning(),
  );
}

export async function listRegistries(
  db: Database,
  tenantId: string,
  page: PageRequest,
): Promise<Page<RegistryCredential>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(registryCredential)
    .where(
      and(
        eq(registryCredential.tenantId, tenantId),
        after === null ? undefined : gt(registryCredential.seq, after),
      ),
    )
    .orderBy(asc(registryCredential.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** A tenant's credentials at a registry; null when it has none there. */
export async function findRegistry(
  db: Database,
  tenantId: string,
  host: string,
): Promise<RegistryCredential | null> {
  const [row] = await db
    .select()
    .from(registryCredential)
    .where(and(eq(registryCredential.tenantId, tenantId), eq(registryCredential.host, host)));
  return row ?? null;
}

/** @throws DrayageError unknownRegistry, also for another tenant's */
export async function removeRegistry(db: Database, scope: Scope, id: string): Promise<void> {
  const removed = await db
    .delete(registryCredential)
    .where(and(eq(registryCredential.id, id), inScope(registryCredential.tenantId, scope, true)))
    .returning();
  if (removed.length === 0) throw unknown('registry', id);
}
