import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { computeSpecSchema } from '../../core/compute.ts';
import { DrayageError } from '../../core/cause.ts';
import { until } from '../../core/until.ts';
import { createEngine } from '../../device/engine/createEngine.ts';
import type { ContainerExit } from '../../device/engine/types.ts';

/**
 * Runs on a device: every call of the engine, on a real one. Prints what came of it as one line of JSON; engine.test.ts
 * judges it. The image is made of the device's busybox.
 */
const runDir = '/run/drayage-trial';
const engine = createEngine({ dockerSocket: '/var/run/docker.sock', runDir });
const docker = (...args: string[]): string => execFileSync('docker', args, { encoding: 'utf8' }).trim();
const shell = (script: string): string =>
  execFileSync('sh', ['-e', '-c', script], { encoding: 'utf8' }).trim();

shell(`mkdir -p ${runDir}; : > ${runDir}/criu.conf`);
shell(
  `at=$(mktemp -d); mkdir $at/bin $at/data; cp /bin/busybox $at/bin; echo seed > $at/data/seed
   for name in sh sleep cat grep; do ln -s busybox $at/bin/$name; done; tar c -C $at . | docker import - trial:1; rm -r $at`,
);
const digest = docker('inspect', '-f', '{{.Id}}', 'trial:1');
const spec = computeSpecSchema.parse({
  id: 'cmp_trial0000000',
  group: 'grp_trial0000000',
  name: 'trial',
  image: { id: 'img_trial0000000', digest },
  command: ['/bin/sh', '-c', 'echo out; echo err >&2; sleep 1000 & wait'],
  env: { NAME: 'two words' },
  memoryBytes: 64 * 1024 * 1024,
  cpus: 0.5,
  volumes: [{ name: 'data', path: '/data' }],
  restartPolicy: { name: 'always', maximumRetries: 0 },
  address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
});
const abort = new AbortController();
const exits: ContainerExit[] = [];
const result: Record<string, unknown> = { exits };

async function codeOf(action: () => Promise<unknown>): Promise<string> {
  return action().then(
    () => 'none',
    (error: unknown) => (error instanceof DrayageError ? error.cause_.code : String(error)),
  );
}

async function output(
  command: string[],
  input: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const session = await engine.exec(spec.id, command, { tty: false, stdin: true });
  const got = { stdout: '', stderr: '' };
  session.onOutput(({ stream, data }) => (got[stream] += data.toString()));
  session.write(Buffer.from(input));
  session.closeStdin();
  return { code: await session.done, ...got };
}

function processFacts(pid: number): Record<string, string> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const lines = status.split('\n').map((line) => line.split(':\t') as [string, string]);
  return Object.fromEntries(lines.filter(([name]) => ['THP_enabled', 'Seccomp', 'CapEff'].includes(name)));
}

try {
  engine.watchExits((exit) => exits.push(exit), abort.signal);
  const archive = await buffer(await engine.saveImage(digest));
  docker('rmi', 'trial:1');
  result['imageGone'] = await engine.hasImage(digest);
  result['garbage'] = await codeOf(() => engine.loadImage(Readable.from([Buffer.alloc(4096, 'x')]), digest));
  result['truncated'] = await codeOf(() =>
    engine.loadImage(Readable.from([archive.subarray(0, 500_000)]), digest),
  );
  await engine.loadImage(Readable.from([archive]), digest);
  result['mismatch'] = await codeOf(() =>
    engine.loadImage(Readable.from([archive]), `sha256:${'0'.repeat(64)}`),
  );
  result['sandboxTwice'] = [await engine.ensureSandbox(spec), await engine.ensureSandbox(spec)];
  result['createTwice'] = [await engine.createCompute(spec), await engine.createCompute(spec)];
  result['created'] = await engine.facts(spec.id);
  await Promise.all([engine.startCompute(spec.id), engine.startCompute(spec.id)]);
  const facts = await engine.facts(spec.id);
  result['running'] = facts;
  result['listed'] = await engine.listComputes();
  const child = await until('a child', 5000, () => shell(`pgrep -P ${facts?.pid ?? 0} || true`) || false);
  result['process'] = processFacts(facts?.pid ?? 0);
  result['child'] = processFacts(Number(child));
  result['limits'] = docker(
    'inspect',
    '-f',
    '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}',
    facts?.containerId ?? '',
  );
  const lines: string[] = [];
  for await (const { stream, data } of await engine.logs(spec.id, { follow: false, signal: abort.signal }))
    lines.push(`${stream}:${data.toString()}`);
  result['logs'] = lines.sort();
  result['exec'] = await output(
    ['/bin/sh', '-c', 'cat; echo $NAME; cat /data/seed; cat /etc/hostname; echo e >&2; exit 7'],
    'in\n',
  );
  const left = await engine.exec(spec.id, ['/bin/sleep', '1000'], { tty: true, stdin: false });
  await left.kill();
  result['killed'] = await left.done;
  await engine.stopCompute(spec.id, 0);
  await until('the report of the stop', 5000, () => exits.length === 1);
  await engine.startCompute(spec.id);
  process.kill((await engine.facts(spec.id))?.pid ?? 0, 'SIGKILL');
  await until('the report of the death', 5000, () => exits.length === 2);
  await engine.startCompute(spec.id);
  docker('pause', `drayage-${spec.id}`);
  result['paused'] = (await engine.facts(spec.id))?.state;
  await engine.removeCompute(spec.id, { volumes: true });
  await engine.removeCompute(spec.id, { volumes: true });
  result['gone'] = [await engine.facts(spec.id), await engine.sandbox(spec.id), await engine.listComputes()];
  result['startGone'] = await codeOf(() => engine.startCompute(spec.id));
  const missing = { ...spec, image: { ...spec.image, digest: `sha256:${'1'.repeat(64)}` } };
  await engine.ensureSandbox(missing);
  result['imageMissing'] = await codeOf(() => engine.createCompute(missing));
  await engine.removeCompute(spec.id, { volumes: true });
  docker('create', '--name', `drayage-${spec.id}-sandbox`, 'drayage/sandbox:1');
  result['conflict'] = await codeOf(() => engine.ensureSandbox(spec));
  docker('rm', `drayage-${spec.id}-sandbox`);
  result['away'] = await codeOf(() =>
    createEngine({ dockerSocket: '/run/none.sock', runDir }).listComputes(),
  );
} finally {
  abort.abort();
  await engine.removeCompute(spec.id, { volumes: true });
  shell(`rm -r ${runDir}; docker rmi ${digest} > /dev/null || true`);
}
process.stdout.write(
  `${JSON.stringify({ ...result, left: docker('ps', '-aq'), volumes: docker('volume', 'ls', '-q') })}\n`,
);
