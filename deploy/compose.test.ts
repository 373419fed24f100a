import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const CONDITION = z.enum(['service_started', 'service_healthy', 'service_completed_successfully']);
const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      restart: z.string(),
      /** Null: as whoever starts it has it, if they do. */
      environment: z.record(z.string(), z.string().nullable()).default({}),
      ports: z.array(z.string()).default([]),
      volumes: z.array(z.string()).default([]),
      secrets: z.array(z.string()).default([]),
      networks: z.array(z.string()),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      'x-no-healthcheck': z.string().optional(),
      depends_on: z.record(z.string(), z.object({ condition: CONDITION })).default({}),
      security_opt: z.array(z.string()),
      read_only: z.boolean().default(false),
      cap_drop: z.array(z.string()).default([]),
      privileged: z.never().optional(),
      network_mode: z.never().optional(),
      build: z.object({ context: z.string(), args: z.object({ BASE_IMAGE: z.string() }) }).optional(),
    }),
  ),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  volumes: z.record(z.string(), z.unknown()),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});
const compose = composeSchema.parse(parse(text('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const OURS = ['api', 'control', 'gateway'];

const dockerfile = text('Dockerfile');
/** Its instructions, continued lines joined. */
const instructions = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '');
const packageJson = z
  .object({ version: z.string(), dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(text('package.json')));

describe('docker-compose.yml', () => {
  it('has what a control plane is made of', () => {
    expect(services.map(([name]) => name).sort()).toEqual(
      [...OURS, 'postgres', 'temporal', 'temporal-namespace', 'temporal-schema', 'temporal-ui'].sort(),
    );
  });

  test.each(services)('%s has a health check, or says why not', (_name, service) => {
    expect(service.healthcheck === undefined).toBe(service['x-no-healthcheck'] !== undefined);
    // Without one it must be a program that ends, and is not started again and again.
    if (service.healthcheck === undefined) expect(service.restart).toMatch(/^on-failure:\d+$/);
    else expect(service.restart).toBe('unless-stopped');
  });

  test.each(services)('%s waits for what is healthy, or has ended well', (_name, service) => {
    for (const [other, { condition }] of Object.entries(service.depends_on)) {
      const ends = compose.services[other]!.healthcheck === undefined;
      expect(condition).toBe(ends ? 'service_completed_successfully' : 'service_healthy');
    }
  });

  test.each(services)('%s is of one version of its image', (name, { image }) => {
    if (OURS.includes(name)) expect(image).toBe(`drayage:${packageJson.version}`);
    else expect(image).toMatch(/^[a-z0-9/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  test.each(services)('%s gets its secrets from files, and shows none', (_name, service) => {
    for (const secret of service.secrets)
      expect(compose.secrets[secret]!.file).toBe(`./deploy/secrets/${secret}`);
    for (const [variable, value] of Object.entries(service.environment)) {
      expect(value ?? '', variable).not.toMatch(/:\/\/[^/\s]*:[^/\s]*@/);
      if (/PASSWORD|PWD|SECRET|TOKEN|API_KEY|DATABASE_URL/.test(variable))
        expect([variable, value]).toEqual([
          expect.stringMatching(/_FILE$/),
          expect.stringMatching(/^\/run\/secrets\//),
        ]);
    }
  });

  it('publishes what must be reached from outside, each on one address', () => {
    const published = Object.fromEntries(
      services.flatMap(([name, { ports }]) => (ports.length > 0 ? [[name, ports]] : [])),
    );
    const onDevices = (port: number) =>
      expect.stringMatching(
        new RegExp(`^\\$\\{DRAYAGE_DEVICE_ADDRESS(:\\?[^}]*)?\\}:${port}:${port}$`),
      ) as string;
    expect(published).toEqual({
      'temporal-ui': ['127.0.0.1:8233:8080'],
      api: ['127.0.0.1:7480:7480', onDevices(7443)],
      gateway: [onDevices(7234)],
    });
  });

  it('lets only what is published out of its inner networks', () => {
    for (const [name, { networks, ports }] of services) {
      const outside = networks.filter((network) => !compose.networks[network]!.internal);
      // The control worker asks registries.
      expect(outside, name).toEqual(ports.length > 0 || name === 'control' ? ['outside'] : []);
    }
    expect(compose.services['postgres']!.networks).toEqual(['database']);
  });

  it('keeps data in named volumes, and mounts of the checkout only scripts, to be read', () => {
    for (const [, { volumes }] of services) {
      for (const volume of volumes) {
        const [source = '', target = '', mode] = volume.split(':');
        if (source.startsWith('.')) {
          expect(mode).toBe('ro');
          expect(statSync(join(ROOT, source)).isFile(), source).toBe(true);
        } else {
          expect(compose.volumes).toHaveProperty(source);
          expect(['/data', '/var/lib/postgresql']).toContain(target);
        }
      }
    }
    // What its image runs by itself must be executable; else it would be read into the shell that starts the server.
    expect(statSync(join(ROOT, 'deploy/compose/databases.sh')).mode & 0o111).toBe(0o111);
  });

  test.each(services)('%s cannot get more rights than it has', (name, service) => {
    expect(service.security_opt).toContain('no-new-privileges:true');
    if (OURS.includes(name)) expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  });
});

describe('the image', () => {
  const base = `node:${packageJson.dependencies['node']}-bookworm-slim`;

  it('has a base that can be chosen, by default Node of the version that the tests run on', () => {
    expect(instructions[0]).toBe(`ARG BASE_IMAGE=${base}`);
    expect(instructions.filter((line) => line.startsWith('FROM '))).toEqual([
      'FROM ${BASE_IMAGE} AS packages',
      'FROM ${BASE_IMAGE}',
    ]);
    for (const name of OURS)
      expect(compose.services[name]!.build).toEqual({
        context: '.',
        args: { BASE_IMAGE: `\${BASE_IMAGE:-${base}}` },
      });
  });

  it('is built of its context alone: nothing is run but Node, and nothing is fetched', () => {
    expect(dockerfile).not.toMatch(/^# *syntax=/m);
    for (const line of instructions) {
      expect(line).not.toMatch(/^ADD /);
      if (line.startsWith('RUN ')) expect(line).toMatch(/^RUN \["node", /);
      if (line.startsWith('COPY ')) expect(line).not.toMatch(/:\/\//);
    }
  });

  it('runs as a user without rights, and says whether it can work', () => {
    const last = (word: string) => instructions.findLast((line) => line.startsWith(`${word} `));
    expect(last('USER')).toBe('USER 10001:10001');
    expect(last('HEALTHCHECK')).toContain('CMD ["node", "deploy/health.ts"]');
    expect(text('deploy/health.ts')).toContain('/readyz');
    expect(last('ENTRYPOINT')).toBe('ENTRYPOINT ["node"]');
  });

  it('takes of the context only what is let into it, and all of that is there', () => {
    const rules = text('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(rules[0]).toBe('*');
    const letIn = rules.flatMap((rule) => (rule.startsWith('!') ? [rule.slice(1)] : []));
    for (const path of letIn) expect(existsSync(join(ROOT, path)), path).toBe(true);
    const copied = instructions.flatMap((line) =>
      /^COPY (?!--from)/.test(line) ? line.split(' ').slice(1, -1) : [],
    );
    for (const path of copied) expect(letIn, path).toContain(path);
    expect(letIn.filter((path) => !copied.includes(path))).toEqual([]);
  });
});
