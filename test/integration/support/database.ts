import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';
import { type Database, type OpenDatabase, openDatabase } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';

/** A database of its own for each test of the file, copied from one that was migrated once. */
export function useDatabase(): { readonly db: Database; readonly url: string } {
  const adminUrl = inject('postgresUrl');
  const template = `template_${randomBytes(6).toString('hex')}`;
  const admin = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  const urlOf = (name: string) => adminUrl.replace(/\/[^/]*$/, `/${name}`);
  let name = '';
  let open: OpenDatabase | undefined;

  beforeAll(async () => {
    await admin.unsafe(`create database ${template}`);
    await migrate(urlOf(template));
  });
  beforeEach(async () => {
    name = `test_${randomBytes(6).toString('hex')}`;
    await admin.unsafe(`create database ${name} template ${template}`);
    open = openDatabase(urlOf(name));
  });
  afterEach(async () => {
    await open?.close();
    open = undefined;
    // Not `with (force)`: a test that leaves a connection behind is a test that leaks.
    await admin.unsafe(`drop database ${name}`);
  });
  afterAll(async () => {
    await admin.unsafe(`drop database ${template}`);
    await admin.end();
  });
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
