import { and, eq, isNull, lt, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { only } from './database.ts';
import { idempotencyKey } from './schema/index.ts';

export interface StoredAnswer {
  status: number;
  contentType: string | null;
  body: unknown;
}

export type IdempotencyClaim =
  | { action: 'proceed' }
  | { action: 'replay'; answer: StoredAnswer }
  /** The first request is still being answered. */
  | { action: 'wait' }
  /** The key was used for another request. */
  | { action: 'mismatch' };

/** After this long without an answer, the process that took the first request is taken for dead. */
const ABANDONED_SECONDS = 60;
const KEPT_HOURS = 24;

/** Claims a key for a request, or says why not. */
export async function claimIdempotencyKey(
  db: Database,
  accountId: string,
  key: string,
  requestHash: string,
): Promise<IdempotencyClaim> {
  return db.transaction(async (tx) => {
    const values = { accountId, key, requestHash };
    const abandoned = and(
      isNull(idempotencyKey.status),
      eq(idempotencyKey.requestHash, requestHash),
      lt(idempotencyKey.createdAt, sql`now() - make_interval(secs => ${ABANDONED_SECONDS})`),
    );
    const taken = await tx
      .insert(idempotencyKey)
      .values(values)
      .onConflictDoUpdate({
        target: [idempotencyKey.accountId, idempotencyKey.key],
        set: { createdAt: sql`now()` },
        ...(abandoned ? { setWhere: abandoned } : {}),
      })
      .returning();
    if (taken.length === 1) return { action: 'proceed' };
    const row = only(await tx.select().from(idempotencyKey).where(ofKey(accountId, key)));
    if (row.requestHash !== requestHash) return { action: 'mismatch' };
    if (row.status === null) return { action: 'wait' };
    return { action: 'replay', answer: { status: row.status, contentType: row.contentType, body: row.body } };
  });
}

const ofKey = (accountId: string, key: string) =>
  and(eq(idempotencyKey.accountId, accountId), eq(idempotencyKey.key, key));

/** Keeps the answer for requests with the same key. */
export async function storeIdempotentAnswer(
  db: Database,
  accountId: string,
  key: string,
  answer: StoredAnswer,
): Promise<void> {
  await db.update(idempotencyKey).set(answer).where(ofKey(accountId, key));
}

/** Frees a key whose request failed in a way that a repetition may mend. */
export async function freeIdempotencyKey(db: Database, accountId: string, key: string): Promise<void> {
  await db.delete(idempotencyKey).where(and(ofKey(accountId, key), isNull(idempotencyKey.status)));
}

/** Deletes keys older than a day. */
export async function removeOldIdempotencyKeys(db: Database): Promise<void> {
  await db
    .delete(idempotencyKey)
    .where(lt(idempotencyKey.createdAt, sql`now() - make_interval(hours => ${KEPT_HOURS})`));
}
