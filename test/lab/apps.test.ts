import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ZodType } from 'zod';
import { appWithLogSchema } from '../../core/api/apps.ts';
import { listOf, problemSchema } from '../../core/api/common.ts';
import { computeSchema } from '../../core/api/computes.ts';
import { imageSchema } from '../../core/api/images.ts';
import { metricsSchema } from '../../core/api/metrics.ts';
import { until } from '../../core/until.ts';
import type { ControlApi } from '../../lab/controlApi.ts';
import { moveCompute, removeCompute } from '../../lab/demo/sampleCompute.ts';
import { makeProgress } from '../../lab/progress.ts';
import { RUNTIME_BASES } from '../../lab/programs/runtimeBases.ts';
import { setBases } from '../../lab/setBases.ts';
import { runCli, runCliAs } from './cliProgram.ts';
import { secondTenant } from './support/secondTenant.ts';
import { withLab } from './support.ts';

/** The bases are built where the cache has none: of some hundred megabytes of packages. */
const SETUP_MS = 900_000;
const BUILD_MS = 300_000;
const ANSWER_MS = 60_000;

/** The tenant's application. */
const LIFE = 'life';
/** Published on every device. */
const HOST_PORT = 18_080;

const NODE_APP = {
  'drayage.json': JSON.stringify({
    ...{ runtime: 'node', start: ['node', 'server.js'], ports: [{ compute: 8080, host: HOST_PORT }] },
    ...{ env: { WHO: 'node' }, memory: '128m' },
  }),
  'server.js': `
    const http = require('node:http'), fs = require('node:fs');
    let count = 0;
    http.createServer((_request, response) => {
      fs.writeFileSync('kept', String(++count));
      console.log('visit ' + count);
      response.end(JSON.stringify({ who: process.env.WHO, uid: process.getuid(), dir: process.cwd(), dep: require('dep'), count }));
    }).listen(8080, () => console.log('listening'));
    process.on('SIGTERM', () => process.exit());`,
  'node_modules/dep/index.js': 'module.exports = 42;',
  '.git/config': 'stays where it is',
};
const PYTHON_APP = {
  'drayage.json': JSON.stringify({
    start: ['python3', 'serve.py', '--who=python'],
    ports: [{ compute: 8080 }],
  }),
  'serve.py': `
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
count = 0
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global count
        count += 1
        open('kept', 'w').write(str(count))
        body = json.dumps({'who': sys.argv[1][6:], 'uid': os.getuid(), 'dir': os.getcwd(), 'dep': 42, 'count': count}).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print('serving')
HTTPServer(('', 8080), Handler).serve_forever()
`,
};

describe('an application that is uploaded', () => {
  const lab = withLab();
  let folder = '';
  const made: string[] = [];
  let tenant: ControlApi | null = null;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drayage-apps-'));
    await setBases(
      lab.lab,
      await lab.api(),
      makeProgress((line) => process.stderr.write(`${line}\n`)),
    );
  }, SETUP_MS);
  afterAll(async () => {
    const api = await lab.api();
    // Of a life that was cut short.
    if (tenant !== null) {
      await removeCompute(tenant, LIFE).catch(() => undefined);
      const { items } = listOf(imageSchema).parse(await tenant.request('GET', '/images'));
      for (const { id } of items) await tenant.request('DELETE', `/images/${id}`);
    }
    for (const name of made) {
      await removeCompute(api, name).catch(() => undefined);
      const app = await show(name);
      if (app.image) await api.request('DELETE', `/images/${app.image.id}`).catch(() => undefined);
    }
    for (const [runtime, { name }] of Object.entries(RUNTIME_BASES)) {
      await api.request('DELETE', `/runtimes/${runtime}`);
      await api.request('DELETE', `/images/${name}`);
    }
    await rm(folder, { recursive: true, force: true });
  }, SETUP_MS);

  /** `own`: it becomes the operator's. */
  async function write(name: string, files: Record<string, string>, own = true): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name, path)), { recursive: true });
      await writeFile(join(folder, name, path), text);
    }
    if (own) made.push(name);
    return join(folder, name);
  }
  const show = async (name: string) =>
    appWithLogSchema.parse(await (await lab.api()).request('GET', `/apps/${name}`));
  const compute = async (name: string) =>
    computeSchema.parse(await (await lab.api()).request('GET', `/computes/${name}`));
  const answerOf = async (name: string) => answerAt(`http://${(await compute(name)).ip}:8080/`);
  /** What it says to a client beside the devices. */
  async function answerAt(url: string): Promise<unknown> {
    const program = `fetch('${url}', {signal: AbortSignal.timeout(2000)}).then((r) => r.text()).then(console.log)`;
    return until(`an answer at ${url}`, ANSWER_MS, async () => {
      const { stdout } = await lab.client([process.execPath, '-e', program], { allowFailure: true });
      return stdout.trim() !== '' && (JSON.parse(stdout) as unknown);
    });
  }
  const addressOf = (device: string) => lab.lab.addresses.device(device);

  test(
    'is the whole life of a tenant: registered, uploaded, reached, watched, moved, stopped, deleted',
    async () => {
      // Nobody knows them yet; they get a tenant of their own.
      const me = (tenant = await secondTenant(lab, 'life@example.org'));
      const request = async <T>(schema: ZodType<T>, method: string, path: string, body?: unknown) =>
        schema.parse(await me.request(method, path, body));

      // An application becomes an image and a compute.
      const name = LIFE;
      const files = await write(name, NODE_APP, false);
      const cli = await runCliAs(lab, me, 'app', 'upload', files, '--name', name, '--json');
      expect(cli, cli.stderr).toMatchObject({ code: 0 });
      const app = await request(appWithLogSchema, 'GET', `/apps/${name}`);
      expect(app).toMatchObject({
        runtime: 'node',
        state: 'running',
        image: { name: `life:${app.id.slice(4)}` },
      });
      const { id, device } = await request(computeSchema, 'GET', `/computes/${name}`);

      // It is reached through its published port, on the device that it is on and on the other.
      const visit = (through: string) => answerAt(`http://${addressOf(through)}:${String(HOST_PORT)}/`);
      expect(await visit('d1')).toEqual({ who: 'node', uid: 65_534, dir: '/app', dep: 42, count: 1 });
      expect(await visit('d2')).toMatchObject({ count: 2 });

      // What it says and what it uses.
      const logs = await runCliAs(lab, me, 'compute', 'logs', name);
      expect(logs.stdout.split('\n').filter(Boolean)).toEqual(['listening', 'visit 1', 'visit 2']);
      const used = () => request(metricsSchema, 'GET', `/computes/${name}/metrics`);
      const told = async () => (await used()).items.some(({ memoryBytes }) => memoryBytes > 2 ** 20);
      await until('its use to be told', ANSWER_MS, told, 500);

      // It moves with all of that.
      const target = device.name === 'd1' ? 'd2' : 'd1';
      expect(await moveCompute(me, name, target)).toMatchObject({ state: 'succeeded' });
      expect(await visit('d1')).toMatchObject({ count: 3 });
      expect(await request(computeSchema, 'GET', `/computes/${name}`)).toMatchObject({
        ...{ id, state: 'running' },
        device: { name: target },
      });

      // It ends.
      await me.request('POST', `/computes/${name}/stop`);
      const state = async () => (await request(computeSchema, 'GET', `/computes/${name}`)).state;
      await until('it to be stopped', ANSWER_MS, async () => (await state()) === 'stopped', 200);
      await removeCompute(me, name);
      await me.request('DELETE', `/images/${app.image?.id ?? ''}`);
      for (const list of ['computes', 'images'])
        expect(await me.request('GET', `/${list}`)).toMatchObject({ items: [] });
    },
    BUILD_MS,
  );

  test.each([['python', PYTHON_APP]] as const)(
    'of %s is built on a device, runs as nobody, answers, and moves',
    async (runtime, files) => {
      const name = `app-${runtime}`;
      const outcome = await runCli(
        lab,
        'app',
        'upload',
        await write(name, files),
        '--name',
        name,
        '--runtime',
        runtime,
        '--json',
      );
      expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
      const app = appWithLogSchema.parse(JSON.parse(outcome.stdout));
      expect(app).toMatchObject({
        name,
        runtime,
        state: 'running',
        image: { name: `${name}:${app.id.slice(4)}` },
      });
      expect(app.log[0]).toMatch(/^Step 1\/\d+ : FROM sha256:/);
      expect(app.log.at(-1)).toMatch(/^Successfully built/);
      expect(await answerOf(name)).toEqual({ who: runtime, uid: 65_534, dir: '/app', dep: 42, count: 1 });
      const { device } = await compute(name);
      expect(device.id).toBe(app.device.id);
      const target = device.name === 'd1' ? 'd2' : 'd1';
      expect((await moveCompute(await lab.api(), name, target)).state).toBe('succeeded');
      expect(await answerOf(name)).toMatchObject({ who: runtime, count: 2 });
    },
    BUILD_MS,
  );

  test(
    'that cannot start says why, and leaves no image on the device and no archive',
    async () => {
      const files = { 'drayage.json': JSON.stringify({ start: ['/app/nosuch'] }) };
      const words = [
        'app',
        'upload',
        await write('broken', files),
        '--name',
        'broken',
        '--runtime',
        'python',
        '--json',
      ];
      const outcome = await runCli(lab, ...words);
      expect(outcome.code, outcome.stderr).toBe(1);
      expect(problemSchema.parse(JSON.parse(outcome.stdout)).detail).toContain('nosuch');
      const { state, device } = await show('broken');
      expect(state).toBe('failed');
      const built = [
        'docker',
        'images',
        '--all',
        '--quiet',
        '--filter',
        `label=drayage.build=${(await show('broken')).id}`,
      ];
      const gone = async () => (await lab.exec(device.name, built)).stdout.trim() === '';
      await until('what was built to be gone', ANSWER_MS, gone, 200);
    },
    BUILD_MS,
  );
});
