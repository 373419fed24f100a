import { and, asc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm';
import type { AccountRole } from '../core/tenancy.ts';
import { type Database, only, unknown } from './database.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { account, token } from './schema/index.ts';

export type Token = typeof token.$inferSelect;

export interface SignedIn {
  accountId: string;
  email: string;
  role: AccountRole;
  tokenId: string;
  kind: Token['kind'];
}

/** Records a bearer secret by its hash; `lifeSeconds` null: it does not end. */
export async function createToken(
  db: Database,
  values: {
    id: string;
    accountId: string;
    kind: Token['kind'];
    name: string;
    secretHash: string;
    lifeSeconds: number | null;
  },
): Promise<Token> {
  const { lifeSeconds, ...rest } = values;
  const expiresAt = lifeSeconds === null ? null : sql`now() + make_interval(secs => ${lifeSeconds})`;
  return only(
    await db
      .insert(token)
      .values({ ...rest, expiresAt })
      .returning(),
  );
}

/** Who a secret's hash belongs to; null when it is unknown or has ended. */
export async function findSignedIn(db: Database, secretHash: string): Promise<SignedIn | null> {
  const valid = or(isNull(token.expiresAt), gt(token.expiresAt, sql`now()`));
  const [row] = await db
    .select({
      accountId: account.id,
      email: account.email,
      role: account.role,
      tokenId: token.id,
      kind: token.kind,
    })
    .from(token)
    .innerJoin(account, eq(account.id, token.accountId))
    .where(and(eq(token.secretHash, secretHash), valid));
  if (!row) return null;
  // Once a minute is enough for a person who wonders whether a token is still used.
  const stale = or(isNull(token.lastUsedAt), lt(token.lastUsedAt, sql`now() - interval '1 minute'`));
  await db
    .update(token)
    .set({ lastUsedAt: sql`now()` })
    .where(and(eq(token.id, row.tokenId), stale));
  return row;
}

/** An account's tokens for programs, oldest first; sessions are not listed. */
export async function listTokens(db: Database, accountId: string, page: PageRequest): Promise<Page<Token>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(token)
    .where(
      and(
        eq(token.accountId, accountId),
        eq(token.kind, 'api'),
        after === null ? undefined : gt(token.seq, after),
      ),
    )
    .orderBy(asc(token.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

export async function removeToken(db: Database, accountId: string, id: string): Promise<void> {
  const gone = await db
    .delete(token)
    .where(and(eq(token.id, id), eq(token.accountId, accountId)))
    .returning();
  if (gone.length === 0) throw unknown('token', id);
}

/** Deletes what has ended; returns how many. */
export async function removeExpiredTokens(db: Database): Promise<number> {
  return (
    await db
      .delete(token)
      .where(lt(token.expiresAt, sql`now()`))
      .returning({ id: token.id })
  ).length;
}
