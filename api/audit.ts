import type { FastifyBaseLogger } from 'fastify';
import { addAuditEntry } from '../db/audit.ts';
import type { Database } from '../db/database.ts';

/** Writes an entry. A database that is away keeps nobody from an answer; then the log has the entry. */
export async function audit(
  db: Database,
  log: FastifyBaseLogger,
  entry: Parameters<typeof addAuditEntry>[1],
): Promise<void> {
  try {
    await addAuditEntry(db, entry);
  } catch (error) {
    log.error({ err: error, entry }, 'an audit entry was not written');
  }
}
