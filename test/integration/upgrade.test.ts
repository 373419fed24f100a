import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { migrate } from '../../db/migrate.ts';

const FOLDER = fileURLToPath(new URL('../../db/migrations', import.meta.url));
const journalSchema = z.looseObject({ entries: z.array(z.looseObject({ tag: z.string() })) });

let name = '';
let url = '';
let folder = '';

beforeEach(async () => {
  name = `upgrade_${randomBytes(6).toString('hex')}`;
  url = inject('postgresUrl').replace(/\/[^/]*$/, `/${name}`);
  folder = await mkdtemp(join(tmpdir(), 'drayage-migrations-'));
  await asAdmin(`create database ${name}`);
});
afterEach(async () => {
  await asAdmin(`drop database ${name}`);
  await rm(folder, { recursive: true, force: true });
});

async function asAdmin(statement: string): Promise<void> {
  const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => undefined });
  await admin.unsafe(statement);
  await admin.end();
}

/** The database as it was before the migration of that name; `use` gets a connection to it. */
async function before(tag: string, use: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  await cp(FOLDER, folder, { recursive: true });
  const path = join(folder, 'meta/_journal.json');
  const journal = journalSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const at = journal.entries.findIndex((entry) => entry.tag.endsWith(tag));
  expect(at).toBeGreaterThan(0);
  await writeFile(path, JSON.stringify({ ...journal, entries: journal.entries.slice(0, at) }));
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await applyMigrations(drizzle(sql), { migrationsFolder: folder });
    await use(sql);
  } finally {
    await sql.end();
  }
}

it('gives what was there before tenants to one that every account owns', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  await before('tenants', async (sql) => {
    await sql`insert into account (id, email, password_hash) values ('usr_a', 'Admin@Example.org', 'x')`;
    await sql`insert into image_blob (digest, archive_hash, bytes, info) values (${digest}, 'x', 1, '{}')`;
    await sql`insert into image (id, name, digest) values ('img_a', 'web', ${digest})`;
    await sql`insert into compute_group (id) values ('grp_a')`;
    await sql`insert into compute (id, group_id, name, image_id, spec, state, desired)
      values ('cmp_a', 'grp_a', 'c', 'img_a', '{"env":{"A":"b"}}', 'running', 'running')`;
  });
  await migrate(url);
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    expect(
      await sql`select m.role as "role", t.name as "tenant", a.role as "account", a.email as "email"
        from membership m join tenant t on t.id = m.tenant_id join account a on a.id = m.account_id`,
    ).toMatchObject([{ role: 'owner', tenant: 'default', account: 'operator', email: 'admin@example.org' }]);
    expect(
      await sql`select c.spec as spec, c.tenant_id = i.tenant_id as "same" from compute c join image i on i.id = c.image_id`,
    ).toMatchObject([{ spec: { env: { A: 'b' }, labels: {}, capabilities: [] }, same: true }]);
  } finally {
    await sql.end();
  }
});

it('makes no tenant where there is no account yet: the first start does', async () => {
  await before('tenants', () => Promise.resolve());
  await migrate(url);
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    expect(await sql`select id from tenant`).toHaveLength(0);
  } finally {
    await sql.end();
  }
});
