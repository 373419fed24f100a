import { and, desc, eq, lt, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { auditEntry } from './schema/index.ts';

/** Long enough for whoever looks into what happened last quarter. */
const KEPT_DAYS = 180;

export type AuditEntry = typeof auditEntry.$inferSelect;

export async function addAuditEntry(
  db: Database,
  entry: Omit<typeof auditEntry.$inferInsert, 'seq' | 'at'>,
): Promise<void> {
  await db.insert(auditEntry).values(entry);
}

/** Newest first; of one tenant, or all. */
export async function listAudit(
  db: Database,
  tenantId: string | null,
  page: PageRequest,
): Promise<Page<AuditEntry>> {
  const before = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(auditEntry)
    .where(
      and(
        tenantId === null ? undefined : eq(auditEntry.tenantId, tenantId),
        before === null ? undefined : lt(auditEntry.seq, before),
      ),
    )
    .orderBy(desc(auditEntry.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

export async function removeOldAudit(db: Database): Promise<void> {
  await db.delete(auditEntry).where(lt(auditEntry.at, sql`now() - make_interval(days => ${KEPT_DAYS})`));
}
