/**
 * Runs on a device, as root:   node lab/demo/bareOnDevice.ts CONTAINER
 * Makes a copy of a running container by runc alone (same image, same config.json, a network namespace of its own that is
 * empty), and times its bare checkpoint and restore, again and again. Prints one line: {checkpointMs: [], restoreMs: []}.
 * Leaves nothing behind.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { bareConfig } from './bareConfig.ts';

const WARM_UPS = 2;
const MEASURED = 5;
const COMMAND_TIMEOUT_MS = 30_000;
const ID = 'drayage-bare';
/** On the device's disk, as the layers of containers are. */
const WORK = '/var/lib/drayage/bare';
/** On tmpfs, as the memory images of moves are. */
const IMAGES = '/dev/shm/drayage-bare';
const NETWORK = `${IMAGES}/net`;
const STATE = `${IMAGES}/state`;
const CRIU_CONFIG = '/run/drayage/criu.conf';
const BUNDLE = `${WORK}/bundle`;
const ROOT = `${WORK}/root`;
const THP_OFF = fileURLToPath(new URL('../../device/native/thp-off', import.meta.url));
/** As a move has them; without `--leave-running` the checkpoint would also end the processes. */
const CHECKPOINT = [
  '--leave-running',
  '--tcp-established',
  '--file-locks',
  '--manage-cgroups-mode',
  'ignore',
];
const RESTORE = ['--detach', '--tcp-established', '--file-locks', '--manage-cgroups-mode', 'ignore'];

const runtimeSchema = z.object({ bundle: z.string() });
const inspectedSchema = z.tuple([
  z.object({ Id: z.string(), GraphDriver: z.object({ Data: z.object({ LowerDir: z.string() }) }) }),
]);

function command(file: string, args: string[], output?: number): string {
  const stdio = output === undefined ? 'pipe' : (['ignore', output, output] as const);
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    stdio: typeof stdio === 'string' ? stdio : [...stdio],
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
  });
  if (error === undefined && status === 0) return stdout ?? '';
  throw new Error(
    `${file} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`} ${stderr ?? ''}${lastWords()}`,
  );
}

/** What CRIU said last, for the message of a failure. */
function lastWords(): string {
  return ['dump.log', 'restore.log']
    .map((name) => readText(`${IMAGES}/work/${name}`).trimEnd().split('\n').slice(-5).join('\n'))
    .join('\n');
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

const runc = (...args: string[]) => command('runc', ['--root', STATE, ...args]);
/** A process that goes on after the command gets no pipe, whose end would be waited for. */
const runcDetached = (args: string[], prefix: string[] = []) => {
  const words = [...prefix, 'runc', '--root', STATE, ...args];
  command(words[0] ?? '', words.slice(1), openSync('/dev/null', 'r+'));
};

function prepare(container: string): void {
  const [{ Id, GraphDriver }] = inspectedSchema.parse(JSON.parse(command('docker', ['inspect', container])));
  const { bundle } = runtimeSchema.parse(JSON.parse(readFileSync(`/run/drayage/runtime/${Id}.json`, 'utf8')));
  for (const directory of [BUNDLE, ROOT, `${WORK}/upper`, `${WORK}/overlay`])
    mkdirSync(directory, { recursive: true });
  mkdirSync(IMAGES, { recursive: true, mode: 0o700 });
  writeFileSync(NETWORK, '');
  command('unshare', [`--net=${NETWORK}`, 'true']);
  const layers = `lowerdir=${GraphDriver.Data.LowerDir},upperdir=${WORK}/upper,workdir=${WORK}/overlay`;
  command('mount', ['-t', 'overlay', 'overlay', '-o', layers, ROOT]);
  const config: unknown = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8'));
  writeFileSync(
    `${BUNDLE}/config.json`,
    JSON.stringify(bareConfig(config, { root: ROOT, network: NETWORK, criuConfig: CRIU_CONFIG, id: ID })),
  );
}

function timed(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

/** A checkpoint of the frozen copy, and its restore after the copy has ended. Milliseconds. */
function turn(): { checkpointMs: number; restoreMs: number } {
  for (const directory of ['images', 'work']) {
    rmSync(`${IMAGES}/${directory}`, { recursive: true, force: true });
    mkdirSync(`${IMAGES}/${directory}`);
  }
  const places = ['--image-path', `${IMAGES}/images`, '--work-path', `${IMAGES}/work`];
  runc('pause', ID);
  const checkpointMs = timed(() => runc('checkpoint', ...CHECKPOINT, ...places, ID));
  endCopy();
  const restoreMs = timed(() => runcDetached(['restore', ...RESTORE, ...places, '--bundle', BUNDLE, ID]));
  return { checkpointMs, restoreMs };
}

/** A frozen process takes its end only once it is thawed. */
function endCopy(): void {
  runc('kill', ID, 'KILL');
  spawnSync('runc', ['--root', STATE, 'resume', ID]);
  runc('delete', '--force', ID);
}

/** From whatever state, one that an earlier run was killed in too. */
function clear(): void {
  if (existsSync(`${STATE}/${ID}`)) {
    spawnSync('runc', ['--root', STATE, 'resume', ID]);
    spawnSync('runc', ['--root', STATE, 'delete', '--force', ID]);
  }
  for (const mount of [ROOT, NETWORK]) if (existsSync(mount)) spawnSync('umount', [mount]);
  for (const directory of [WORK, IMAGES]) rmSync(directory, { recursive: true, force: true });
}

clear();
try {
  prepare(process.argv[2] ?? '');
  runcDetached(['run', '--detach', '--bundle', BUNDLE, ID], existsSync(THP_OFF) ? [THP_OFF] : []);
  const turns = Array.from({ length: WARM_UPS + MEASURED }, turn).slice(WARM_UPS);
  const checkpointMs = turns.map((one) => one.checkpointMs);
  const restoreMs = turns.map((one) => one.restoreMs);
  process.stdout.write(`${JSON.stringify({ checkpointMs, restoreMs })}\n`);
} finally {
  clear();
}
