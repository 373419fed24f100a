import { eq } from 'drizzle-orm';
import type { AccountRole } from '../core/tenancy.ts';
import { type Database, only } from './database.ts';
import { account } from './schema/index.ts';

export type Account = typeof account.$inferSelect;

/** Makes the account unless its email is known; tells whether it did. */
export async function createAccount(
  db: Database,
  values: { id: string; email: string; passwordHash: string; role: AccountRole },
): Promise<boolean> {
  const made = await db.insert(account).values(values).onConflictDoNothing().returning({ id: account.id });
  return made.length === 1;
}

export async function accountByEmail(db: Database, email: string): Promise<Account | null> {
  return (await db.select().from(account).where(eq(account.email, email)))[0] ?? null;
}

/** @throws Error when there is none: the id comes from a token or from having been made just now */
export async function getAccount(db: Database, id: string): Promise<Account> {
  return only(await db.select().from(account).where(eq(account.id, id)));
}

export async function hasAccounts(db: Database): Promise<boolean> {
  return (await db.select({ id: account.id }).from(account).limit(1)).length > 0;
}
