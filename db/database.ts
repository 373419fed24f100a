import { drizzle, type PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import { DrayageError } from '../core/cause.ts';
import { openClient } from './connection.ts';
import { preparing } from './preparing.ts';
import * as schema from './schema/index.ts';

/** A connection pool or a transaction of one: every function of db/ takes either. */
export type Database = PgDatabase<PostgresJsQueryResultHKT, typeof schema>;

export interface OpenDatabase {
  db: Database;
  /** Ends the pool; waits up to five seconds for queries under way. */
  close(): Promise<void>;
}

/**
 * Opens a pool. Nothing is connected until the first query, so a database that is away fails queries, not the start.
 * @throws DrayageError badDatabaseUrl
 */
export function openDatabase(databaseUrl: string, options: { connections?: number } = {}): OpenDatabase {
  const client = openClient(databaseUrl, { max: options.connections ?? 10 });
  return { db: drizzle(preparing(client), { schema }), close: () => client.end({ timeout: 5 }) };
}

/** The only row of a result that must have one. */
export function only<T>(rows: readonly T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('a row was expected and there is none');
  return row;
}

/** Whether an error is PostgreSQL's, with this SQLSTATE (23505 unique, 23503 foreign key), by this constraint. */
export function isViolation(error: unknown, code: '23505' | '23503', constraint?: string): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code: found, constraint_name: name } = at as { code?: unknown; constraint_name?: unknown };
    if (found === code) return constraint === undefined || name === constraint;
  }
  return false;
}

/** The error for an id that names nothing. */
export function unknown(what: string, id: string): DrayageError {
  return new DrayageError({
    code: `unknown${what.charAt(0).toUpperCase()}${what.slice(1)}`,
    message: `There is no ${what} ${id}.`,
    mend: `List what there is with \`drayage ${what} ls\`.`,
  });
}
