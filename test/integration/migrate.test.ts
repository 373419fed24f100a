import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { ensureAdmin } from '../../api/firstStart.ts';
import { verifyPassword } from '../../api/secrets.ts';
import { openDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { account } from '../../db/schema/index.ts';
import { useDatabase } from './support/database.ts';

const database = useDatabase();
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe("the schema's migrations", () => {
  it('run once when several processes start at the same moment', async () => {
    const { db, url } = database;
    await db.execute(sql`drop schema public cascade`);
    await db.execute(sql`drop schema drizzle cascade`);
    await db.execute(sql`create schema public`);
    await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)]);
    const files = (await readdir(join(ROOT, 'db/migrations'))).filter((name) => name.endsWith('.sql'));
    const [row] = await db.execute<{ count: number }>(
      sql`select count(*)::int as count from drizzle.__drizzle_migrations`,
    );
    expect(row?.count).toBe(files.length);
    await migrate(url);
  });

  it('are what the schema says', async () => {
    // drizzle-kit reads the folder of the migrations relative to where it runs, and writes there what is missing.
    const folder = await mkdtemp(join(tmpdir(), 'drayage-schema-'));
    const out = join(folder, 'migrations');
    await cp(join(ROOT, 'db/migrations'), out, { recursive: true });
    const words = [
      'generate',
      '--dialect',
      'postgresql',
      '--schema',
      'db/schema/index.ts',
      '--out',
      relative(ROOT, out),
    ];
    const made = spawnSync(join(ROOT, 'node_modules/.bin/drizzle-kit'), words, {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(made.status, made.stderr).toBe(0);
    expect(await readdir(out), made.stdout).toEqual(await readdir(join(ROOT, 'db/migrations')));
    await rm(folder, { recursive: true });
  });
});

describe('the first start', () => {
  it('makes one admin account and keeps its password in the file, also of two processes', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'drayage-first-'));
    const second = openDatabase(database.url);
    const config = { dataDir, admin: { email: 'admin@example.org' } };
    await Promise.all([ensureAdmin(database.db, config), ensureAdmin(second.db, config)]);
    await second.close();
    const accounts = await database.db.select().from(account);
    expect(accounts).toHaveLength(1);
    const kept = JSON.parse(await readFile(join(dataDir, 'admin.json'), 'utf8')) as { password: string };
    expect(await verifyPassword(kept.password, accounts[0]!.passwordHash)).toBe(true);
    await ensureAdmin(database.db, config);
    expect(JSON.parse(await readFile(join(dataDir, 'admin.json'), 'utf8'))).toEqual(kept);
    await rm(dataDir, { recursive: true });
  });
});
