import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('make-secrets.sh', import.meta.url));
const parent = mkdtempSync(join(tmpdir(), 'drayage-secrets-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

const make = (folder: string) => spawnSync('sh', [SCRIPT, folder], { encoding: 'utf8' });
const GROUP = 10_001;

it('makes secrets that root and the services alone can read, once; or says that it needs root', () => {
  const folder = join(parent, 'secrets');
  const first = make(folder);
  if (process.getuid!() !== 0) {
    expect([first.status, existsSync(folder)]).toEqual([1, false]);
    expect(first.stderr).toMatch(/needs root[\s\S]*sudo sh/);
    return;
  }
  expect(first.status, first.stderr).toBe(0);
  const read = () =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const secrets = read();
  expect(Object.keys(secrets).sort()).toEqual([
    'drayage-database-password',
    'drayage-database-url',
    'postgres-password',
    'temporal-database-password',
  ]);
  for (const path of ['.', ...Object.keys(secrets)]) {
    const { mode, uid, gid } = statSync(join(folder, path));
    expect([mode & 0o777, uid, gid], path).toEqual([path === '.' ? 0o750 : 0o440, 0, GROUP]);
  }
  const { 'drayage-database-url': url = '', ...passwords } = secrets;
  for (const password of Object.values(passwords)) expect(password).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set(Object.values(passwords)).size).toBe(3);
  expect(new URL(url).password).toBe(passwords['drayage-database-password']);
  expect(first.stdout).not.toContain(passwords['postgres-password']);

  rmSync(join(folder, 'postgres-password'));
  expect(make(folder).status).toBe(0);
  const again = read();
  expect(again['postgres-password']).not.toBe(secrets['postgres-password']);
  expect({ ...again, 'postgres-password': '' }).toEqual({ ...secrets, 'postgres-password': '' });
});
