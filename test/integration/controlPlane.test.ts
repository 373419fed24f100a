import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../core/until.ts';

const PROGRAM = fileURLToPath(new URL('../../workers/control-plane.ts', import.meta.url));
const START_MS = 90_000;

const recordSchema = z.object({
  pid: z.number(),
  ready: z.boolean(),
  api: z.string(),
  parts: z.record(z.string(), z.number()),
});

describe('the embedded control plane', () => {
  let parent: string;
  let environment: NodeJS.ProcessEnv;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'drayage-control-'));
    await chmod(parent, 0o755);
    const [api, device, postgres, temporal, ui, gateway, metrics] = await freePorts(7);
    environment = {
      ...process.env,
      DATABASE_URL: undefined,
      TEMPORAL_ADDRESS: undefined,
      DRAYAGE_DATA_DIR: join(parent, 'control'),
      DRAYAGE_API_LISTEN: `127.0.0.1:${api}`,
      DRAYAGE_DEVICE_LISTEN: `127.0.0.1:${device}`,
      DRAYAGE_POSTGRES_PORT: String(postgres),
      DRAYAGE_TEMPORAL_LISTEN: `127.0.0.1:${temporal}`,
      DRAYAGE_TEMPORAL_UI_LISTEN: `127.0.0.1:${ui}`,
      DRAYAGE_DEVICE_TEMPORAL_LISTEN: `127.0.0.1:${gateway}`,
      DRAYAGE_CONTROL_METRICS_LISTEN: `127.0.0.1:${metrics}`,
    };
  });
  afterEach(async () => {
    for (const child of running.splice(0)) await stop(child, 'SIGTERM');
    expect(await processesOf(parent)).toEqual([]);
  });
  afterAll(() => rm(parent, { recursive: true, force: true }));

  it(
    'starts, keeps each part running, refuses a second of its kind, and ends in order',
    { timeout: 180_000 },
    async () => {
      const plane = start();
      await untilReady(plane);
      const second = start();
      expect((await ended(second.child)).code).toBe(1);
      expect(second.words()).toContain(`already: process ${plane.child.pid}.`);

      for (const part of ['control', 'api', 'gateway', 'temporal', 'postgres']) {
        const before = (await record()).parts[part]!;
        process.kill(before, 'SIGKILL');
        await until(`${part} to be replaced`, START_MS, async () => {
          const now = (await record()).parts[part];
          return now !== undefined && now !== before;
        });
      }
      await until('the API to be ready again', START_MS, isReady);

      expect(await stop(plane.child, 'SIGINT')).toEqual({ code: 0, signal: null });
      expect(await processesOf(parent)).toEqual([]);
      expect(await readdir(join(parent, 'control'))).not.toContain('control-plane.json');
    },
  );

  it('starts after it was killed, on the same data', { timeout: 180_000 }, async () => {
    const killed = start();
    await untilReady(killed);
    const { admin } = await readAdmin();
    await stop(killed.child, 'SIGKILL');
    await until('its parts to end with it', 20_000, async () => (await processesOf(parent)).length === 0);
    // Whoever has the number of the PostgreSQL that was, it is not that PostgreSQL.
    await forgePostmasterPid(process.pid);

    const plane = start();
    await untilReady(plane);
    expect((await readAdmin()).admin).toEqual(admin);
    const figures = await fetch(`http://${environment['DRAYAGE_CONTROL_METRICS_LISTEN']}/metrics`);
    expect(await figures.text()).toMatch(/^temporal_\w*request\w*_total\{/m);
  });

  it('names what is wrong with its environment', async () => {
    const plane = start({ DRAYAGE_POSTGRES_PORT: 'x', DRAYAGE_API_LISTEN: 'nowhere' });
    expect((await ended(plane.child)).code).toBe(1);
    expect(plane.words()).toMatch(/DRAYAGE_API_LISTEN must be host:port.*DRAYAGE_POSTGRES_PORT/);
  });

  function start(over: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [PROGRAM], {
      env: { ...environment, ...over },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (words += text));
    running.push(child);
    return { child, words: () => words };
  }

  async function untilReady({ child, words }: ReturnType<typeof start>): Promise<void> {
    await until('the control plane to be ready', START_MS, async () => {
      if (child.exitCode !== null) throw new Error(words());
      return (await record().catch(() => null))?.ready === true && (await isReady());
    });
  }

  async function record() {
    return recordSchema.parse(JSON.parse(await readFile(join(parent, 'control/control-plane.json'), 'utf8')));
  }

  async function readAdmin(): Promise<{ admin: unknown }> {
    return { admin: JSON.parse(await readFile(join(parent, 'control/admin.json'), 'utf8')) as unknown };
  }

  async function isReady(): Promise<boolean> {
    const answer = await fetch(`http://${environment['DRAYAGE_API_LISTEN']}/readyz`).catch(() => null);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  async function forgePostmasterPid(pid: number): Promise<void> {
    const cluster = process.getuid!() === 0 ? 'control-postgres/data' : 'control/postgres/data';
    const file = join(parent, cluster, 'postmaster.pid');
    const lines = (
      await readFile(file, 'utf8').catch(() => `0\n${join(parent, cluster)}\n0\n0\n\n127.0.0.1\n`)
    ).split('\n');
    await writeFile(file, [String(pid), ...lines.slice(1)].join('\n'));
  }
});

async function stop(child: ChildProcess, signal: NodeJS.Signals) {
  const end = ended(child);
  child.kill(signal);
  return end;
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once('exit', resolve));
  return { code: child.exitCode, signal: child.signalCode };
}

/** Programs whose command line or environment names a folder: all that the control plane started. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter(
    (entry) => /^[0-9]+$/.test(entry) && Number(entry) !== process.pid,
  )) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const variables = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (words.includes(folder) || variables.includes(folder))
      found.push(`${pid} ${words.replaceAll('\0', ' ')}`);
  }
  return found;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
