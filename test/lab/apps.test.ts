import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appWithLogSchema } from '../../core/api/apps.ts';
import { problemSchema } from '../../core/api/common.ts';
import { computeSchema } from '../../core/api/computes.ts';
import { until } from '../../core/until.ts';
import { moveCompute, removeCompute } from '../../lab/demo/sampleCompute.ts';
import { makeProgress } from '../../lab/progress.ts';
import { RUNTIME_BASES } from '../../lab/programs/runtimeBases.ts';
import { setBases } from '../../lab/setBases.ts';
import { runCli } from './cliProgram.ts';
import { withLab } from './support.ts';

/** The bases are built where the cache has none: of some hundred megabytes of packages. */
const SETUP_MS = 900_000;
const BUILD_MS = 300_000;
const ANSWER_MS = 60_000;

const NODE_APP = {
  'drayage.json': JSON.stringify({
    ...{ runtime: 'node', start: ['node', 'server.js'], ports: [{ compute: 8080 }] },
    ...{ env: { WHO: 'node' }, memory: '128m' },
  }),
  'server.js': `
    const http = require('node:http'), fs = require('node:fs');
    let count = 0;
    http.createServer((_request, response) => {
      fs.writeFileSync('kept', String(++count));
      response.end(JSON.stringify({ who: process.env.WHO, uid: process.getuid(), dir: process.cwd(), dep: require('dep'), count }));
    }).listen(8080);`,
  'node_modules/dep/index.js': 'module.exports = 42;',
  '.git/config': 'stays where it is',
};
const PYTHON_APP = {
  'drayage.json': JSON.stringify({
    start: ['python3', 'serve.py', '--who=python'],
    ports: [{ compute: 8080 }],
  }),
  'serve.py': `
import json, os, sys
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
print('serving')
HTTPServer(('', 8080), Handler).serve_forever()
`,
};

describe('an application that is uploaded', () => {
  const lab = withLab();
  let folder = '';
  const made: string[] = [];

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

  async function write(name: string, files: Record<string, string>): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name, path)), { recursive: true });
      await writeFile(join(folder, name, path), text);
    }
    made.push(name);
    return join(folder, name);
  }
  const show = async (name: string) =>
    appWithLogSchema.parse(await (await lab.api()).request('GET', `/apps/${name}`));
  const compute = async (name: string) =>
    computeSchema.parse(await (await lab.api()).request('GET', `/computes/${name}`));
  /** What it says to a client beside the devices. */
  async function answerOf(name: string): Promise<unknown> {
    const { ip } = await compute(name);
    const program = `fetch('http://${ip}:8080/', {signal: AbortSignal.timeout(2000)}).then((r) => r.text()).then(console.log)`;
    return until(`${name} to answer`, ANSWER_MS, async () => {
      const { stdout } = await lab.client([process.execPath, '-e', program], { allowFailure: true });
      return stdout.trim() !== '' && (JSON.parse(stdout) as unknown);
    });
  }

  test.each([
    ['node', NODE_APP],
    ['python', PYTHON_APP],
  ] as const)(
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
