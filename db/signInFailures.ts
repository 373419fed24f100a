import { eq, lt, sql } from 'drizzle-orm';
import { lockSeconds } from '../core/signIn.ts';
import { type Database, only } from './database.ts';
import { signInFailure } from './schema/index.ts';

/** After so long without a wrong password they are forgotten. */
const FORGOTTEN_HOURS = 24;

/** For how many seconds an email is still locked; 0 when it is not. */
export async function lockedFor(db: Database, emailHash: string): Promise<number> {
  const [row] = await db
    .select({
      seconds: sql<number>`coalesce(ceil(extract(epoch from ${signInFailure.lockedUntil} - now())), 0)::int`,
    })
    .from(signInFailure)
    .where(eq(signInFailure.emailHash, emailHash));
  return Math.max(0, row?.seconds ?? 0);
}

/** Counts a wrong password, and locks the email when there were too many in a row. */
export async function countFailure(db: Database, emailHash: string): Promise<void> {
  await db.transaction(async (tx) => {
    const { failures } = only(
      await tx
        .insert(signInFailure)
        .values({ emailHash, failures: 1 })
        .onConflictDoUpdate({
          target: signInFailure.emailHash,
          set: { failures: sql`${signInFailure.failures} + 1`, lastAt: sql`now()` },
        })
        .returning(),
    );
    const seconds = lockSeconds(failures);
    if (seconds === 0) return;
    await tx
      .update(signInFailure)
      .set({ lockedUntil: sql`now() + make_interval(secs => ${seconds})` })
      .where(eq(signInFailure.emailHash, emailHash));
  });
}

/** After the right password. */
export async function forgetFailures(db: Database, emailHash: string): Promise<void> {
  await db.delete(signInFailure).where(eq(signInFailure.emailHash, emailHash));
}

export async function removeOldFailures(db: Database): Promise<void> {
  await db
    .delete(signInFailure)
    .where(lt(signInFailure.lastAt, sql`now() - make_interval(hours => ${FORGOTTEN_HOURS})`));
}
