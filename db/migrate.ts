import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import { openClient } from './connection.ts';
import { AdvisoryLock } from './locks.ts';

const FOLDER = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings the schema up to date. Several processes may start at once: one migrates, the others wait for it and then find
 * nothing to do. The lock is the session's, so it goes with the connection if its holder dies.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const client = openClient(databaseUrl, { max: 1 });
  try {
    const db = drizzle(client);
    await db.execute(sql`select pg_advisory_lock(${AdvisoryLock.migrate})`);
    await applyMigrations(db, { migrationsFolder: FOLDER });
  } finally {
    await client.end({ timeout: 5 });
  }
}
