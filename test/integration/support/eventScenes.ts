import { TransactionRollbackError, sql } from 'drizzle-orm';
import type { Database } from '../../../db/database.ts';
import { addEvent } from '../../../db/events.ts';

export const happened = (
  message: string,
  over: { type?: string; subject?: string; tenantId?: string } = {},
) => ({
  type: 'compute.running',
  subject: 'cmp_000000000001',
  message,
  ...over,
});

export interface HeldTransaction {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Resolves when a transaction has done its work; it is left open. `last` is done right before its commit. */
export async function hold(
  db: Database,
  work: (tx: Database) => Promise<unknown>,
  last?: (tx: Database) => Promise<unknown>,
): Promise<HeldTransaction> {
  let finish: (commit: boolean) => void = () => undefined;
  const word = new Promise<boolean>((resolve) => (finish = resolve));
  let begun: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (begun = resolve));
  const done = db
    .transaction(async (tx) => {
      await work(tx);
      begun();
      if (!(await word)) tx.rollback();
      await last?.(tx);
    })
    .catch((error: unknown) => {
      if (!(error instanceof TransactionRollbackError)) throw error;
    });
  await Promise.race([ready, done]);
  const end = (commit: boolean) => () => {
    finish(commit);
    return done;
  };
  return { commit: end(true), rollback: end(false) };
}

/** Several writers at once; every third time two events in a transaction that takes a while to commit. */
export async function writeEvents(
  db: Database,
  name: string,
  writers: number,
  each: number,
  over: Parameters<typeof happened>[1] = {},
): Promise<void> {
  const write = async (writer: number) => {
    for (let at = 0; at < each; at += 1) {
      const message = `${name} ${String(writer)}.${String(at)}`;
      if (at % 3 > 0) {
        await addEvent(db, happened(message, over));
        continue;
      }
      await db.transaction(async (tx) => {
        await addEvent(tx, happened(message, over));
        await tx.execute(sql`select pg_sleep(${((writer + at) % 5) / 1000})`);
        await addEvent(tx, happened(`${message} again`, over));
      });
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
}
