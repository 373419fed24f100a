import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, afterEach, beforeEach, inject } from 'vitest';
import { type Database, type OpenDatabase, openDatabase } from '../../../db/database.ts';

/** A database of its own for each test of the file, a copy of one of the run's templates. */
export function useDatabase(template: 'migrated' | 'started' = 'migrated'): {
  readonly db: Database;
  readonly url: string;
} {
  const adminUrl = inject('postgresUrl');
  const admin = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  const urlOf = (name: string) => adminUrl.replace(/\/[^/]*$/, `/${name}`);
  let name = '';
  let open: OpenDatabase | undefined;

  beforeEach(async () => {
    name = `test_${randomBytes(6).toString('hex')}`;
    await admin.unsafe(
      `create database ${name} template ${inject('templates')[template]} strategy file_copy`,
    );
    open = openDatabase(urlOf(name));
  });
  afterEach(async () => {
    await open?.close();
    open = undefined;
    // Not `with (force)`: a test that leaves a connection behind is a test that leaks.
    await admin.unsafe(`drop database ${name}`);
  });
  afterAll(() => admin.end());
  return {
    get db() {
      if (!open) throw new Error('the database is there within a test only');
      return open.db;
    },
    get url() {
      return urlOf(name);
    },
  };
}
