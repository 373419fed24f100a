import { eq, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import { type Database, only } from './database.ts';
import { requireFreeName } from './devices.ts';
import { addEvent } from './events.ts';
import { joinToken } from './schema/index.ts';

export type JoinToken = typeof joinToken.$inferSelect;

export interface NewJoinToken {
  id: string;
  secretHash: string;
  createdBy: string;
  lifeSeconds: number;
  /** What the device that uses it is going to be. */
  name?: string | undefined;
  location?: string | undefined;
  labels?: Record<string, string> | undefined;
}

/** @throws DrayageError nameTaken when a device is called so already */
export async function createJoinToken(db: Database, values: NewJoinToken): Promise<JoinToken> {
  const { lifeSeconds, ...rest } = values;
  const expiresAt = sql`now() + make_interval(secs => ${lifeSeconds})`;
  return db.transaction(async (tx) => {
    if (values.name !== undefined) await requireFreeName(tx, values.name);
    const row = only(
      await tx
        .insert(joinToken)
        .values({ ...rest, expiresAt })
        .returning(),
    );
    const { id: subject, createdBy: actor } = row;
    await addEvent(tx, { type: 'token.created', subject, actor, message: 'A join token was made.' });
    return row;
  });
}

/**
 * Finds and locks a token that may still be used (call it in a transaction). A token already used is returned too, with
 * its device: whether that is the same device asking again is the caller's to see. Unknown, wrong or expired is refused
 * with one and the same cause, which tells a guesser nothing.
 */
export async function takeJoinToken(db: Database, id: string, secretHash: string): Promise<JoinToken> {
  const [row] = await db
    .select({ row: joinToken, expired: sql<boolean>`${joinToken.expiresAt} <= now()` })
    .from(joinToken)
    .where(eq(joinToken.id, id))
    .for('update');
  if (!row || row.expired || row.row.secretHash !== secretHash) throw refusedJoinToken();
  return row.row;
}

export async function markJoinTokenUsed(db: Database, id: string, deviceId: string): Promise<void> {
  await db
    .update(joinToken)
    .set({ usedAt: sql`now()`, deviceId })
    .where(eq(joinToken.id, id));
}

export function refusedJoinToken(): DrayageError {
  return new DrayageError({
    code: 'joinTokenRefused',
    message: 'The join token is unknown, has expired or was used already.',
    mend: 'Make a new one with `drayage device token`.',
  });
}
