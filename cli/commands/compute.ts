import type { Command } from 'commander';
import type { Body, Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import type { PublishedPort } from '../../core/publishedPorts.ts';
import { openClient } from '../client.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { type HealthFlags, healthCheckOf, withHealthOptions } from '../healthFlags.ts';
import { ago, details, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';
import {
  collect,
  keyValue,
  memorySize,
  positiveNumber,
  publishedPort,
  restartPolicy,
  tmpfsMount,
  volume,
  wholeNumber,
} from '../parse.ts';
import { waitForCompute, waitForRemoval } from '../wait.ts';
import { registerExec } from './computeExec.ts';
import { registerLogs } from './computeLogs.ts';
import { registerSnapshot } from './computeSnapshot.ts';
import { DrayageError } from '../../core/cause.ts';
import { registerUpdate } from './computeUpdate.ts';

type Compute = Schemas['Compute'];
type CreateBody = Body<'/computes', 'post'>;

interface CreateFlags extends JsonFlag, HealthFlags {
  name: string;
  image: string;
  device?: string;
  group?: string;
  constraint?: CreateBody['constraints'];
  apart?: string;
  memory?: number;
  cpus?: number;
  pids?: number;
  cap?: CreateBody['capabilities'];
  label?: CreateBody['labels'];
  env?: CreateBody['env'];
  port?: PublishedPort[];
  volume?: CreateBody['volumes'];
  tmpfs?: CreateBody['tmpfs'];
  restart?: CreateBody['restartPolicy'];
  restartElsewhere?: boolean;
  protect?: number;
  detach?: boolean;
}

/** `drayage compute ...` */
export function defineCompute(compute: Command): void {
  const creating = subcommand(compute, 'create', 'create and start a compute')
    .requiredOption('--name <name>', 'what it is called')
    .requiredOption('--image <image>', 'name or id of an image')
    .option('--device <device>', 'where; without it the one with the most memory is chosen')
    .option('--memory <size>', 'limit, e.g. 256m', memorySize)
    .option('--cpus <n>', 'limit, e.g. 0.5', positiveNumber)
    .option('--pids <n>', 'most processes and threads', wholeNumber(1, 4_194_304))
    .option(
      '--cap <capability>',
      'AUDIT_WRITE, MKNOD, NET_RAW or SETFCAP; may be given several times',
      collect,
    )
    .option('--group <group>', 'make it where the computes of this group are; they move as one')
    .option(
      '--constraint <K=V>',
      'only on devices that are so: location, architecture, device, or a label; may be given several times',
      keyValue,
    )
    .option('--apart <word>', 'never on one device with another compute of yours that has the same word')
    .option('--label <K=V>', 'to find it by; may be given several times', keyValue)
    .option('--env <K=V>', 'environment; may be given several times', keyValue)
    .option(
      '--port <HOST:COMPUTE>',
      "a port of every device's that leads there, HOST:COMPUTE/udp for UDP; may be given several times",
      publishedPort,
    )
    .option('--volume <NAME:PATH>', 'a volume that moves with it; may be given several times', volume)
    .option('--tmpfs <PATH:SIZE>', 'files in memory; may be given several times', tmpfsMount)
    .option('--restart <policy>', 'no, always, on-failure or on-failure:N', restartPolicy)
    .option(
      '--protect <seconds>',
      'a checkpoint every so often on another device, from which it goes on when its own is lost',
      wholeNumber(5, 3600),
    )
    .option(
      '--restart-elsewhere',
      'with --restart always: start it afresh on another device when its own is lost',
    );
  withHealthOptions(creating)
    .option('--detach', 'do not wait until it runs')
    .argument('[command...]', "after --, instead of the image's own")
    .action(create);

  subcommand(compute, 'ls', 'list computes')
    .option('--label <K=V>', 'only those that have it; may be given several times', collect)
    .action(async (flags: JsonFlag & { label?: string[] }) => {
      const client = await openClient();
      const page = await client.get('/computes', { params: { query: { limit: 500, label: flags.label } } });
      print(flags, page, ({ items }) =>
        table(['NAME', 'ID', 'STATE', 'DEVICE', 'IMAGE', 'IP', 'CREATED'], items.map(row)),
      );
    });

  subcommand(compute, 'show <compute>', 'show a compute').action(async (name: string, flags: JsonFlag) => {
    const client = await openClient();
    print(flags, await client.get('/computes/{id}', { params: { path: { id: name } } }), describe);
  });

  subcommand(compute, 'start <compute>', 'start a compute that has stopped')
    .option('--detach', 'do not wait until it runs')
    .action((name: string, flags: JsonFlag & { detach?: boolean }) =>
      change(name, 'start', 'running', flags),
    );
  subcommand(compute, 'stop <compute>', 'stop a compute')
    .option('--detach', 'do not wait until it has stopped')
    .action((name: string, flags: JsonFlag & { detach?: boolean }) => change(name, 'stop', 'stopped', flags));

  subcommand(compute, 'rm <compute>', 'delete a compute with its files and volumes')
    .option('--detach', 'do not wait until it is gone')
    .action(remove);

  registerUpdate(compute);
  registerLogs(compute);
  registerExec(compute);
  registerSnapshot(compute);
}

/** @throws DrayageError usage when both ways are given */
function protectionOf({ protect, restartElsewhere = false }: CreateFlags): CreateBody['protection'] {
  if (protect !== undefined && restartElsewhere)
    throw new DrayageError({
      code: 'usage',
      message: 'A compute cannot go on from its last checkpoint and be started afresh.',
      mend: 'Give --protect or --restart-elsewhere.',
    });
  if (protect !== undefined) return { kind: 'checkpoint', everySeconds: protect };
  return restartElsewhere ? { kind: 'restart' } : undefined;
}

async function create(command: string[], flags: CreateFlags): Promise<void> {
  const client = await openClient();
  const { name, image, device, memory, cpus, pids, env, volume: volumes, tmpfs, restart, detach } = flags;
  const body = {
    name,
    image,
    device,
    group: flags.group,
    memoryBytes: memory,
    cpus,
    pids,
    capabilities: flags.cap,
    constraints: flags.constraint,
    apart: flags.apart,
    labels: flags.label,
    env,
    ports: flags.port,
    volumes,
    tmpfs,
    restartPolicy: restart,
    protection: protectionOf(flags),
    healthCheck: healthCheckOf(flags),
    command: command.length > 0 ? command : undefined,
  };
  const accepted = await client.post('/computes', { body });
  if (detach === true) {
    print(flags, accepted, ({ id }) => id);
    return;
  }
  const made = await waitForCompute(client, accepted.id, ['running', 'failed', 'stopped', 'lost']);
  requireState(
    made,
    made.state === 'running' || (made.state === 'stopped' && made.exitCode === 0),
    'could not be made',
  );
  print(
    flags,
    made,
    (view) => `${view.name} is ${view.state} on ${view.device.name} with ${view.ip} (${view.id})`,
  );
}

/** Fails the command with the compute's own causes unless all is well. */
function requireState(compute: Compute, well: boolean, what: string): void {
  if (well) return;
  const own = {
    code: 'computeFailed',
    message: `${compute.name} ${what}: ${compute.reason || compute.state}`,
    mend: `See \`drayage compute logs ${compute.name}\`.`,
  };
  throw new CommandFailed(
    Exit.failed,
    compute.causes.length > 0 ? compute.causes : [own],
    `${compute.name} ${what}`,
  );
}

async function change(
  name: string,
  operation: 'start' | 'stop',
  state: 'running' | 'stopped',
  flags: JsonFlag & { detach?: boolean },
): Promise<void> {
  const client = await openClient();
  const params = { path: { id: name } };
  const accepted = await client.post(`/computes/{id}/${operation}`, { params });
  if (flags.detach === true) {
    print(flags, accepted, ({ id }) => id);
    return;
  }
  const now = await waitForCompute(client, accepted.id, [state, 'failed', 'lost']);
  requireState(now, now.state === state, `could not be ${operation === 'start' ? 'started' : 'stopped'}`);
  print(flags, now, (view) => `${view.name} is ${view.state}`);
}

async function remove(name: string, flags: JsonFlag & { detach?: boolean }): Promise<void> {
  const client = await openClient();
  const accepted = await client.delete('/computes/{id}', { params: { path: { id: name } } });
  if (flags.detach === true) {
    print(flags, accepted, ({ id }) => id);
    return;
  }
  const left = await waitForRemoval(client, accepted.id);
  if (left) requireState(left, false, 'could not be deleted');
  print(flags, { removed: name, id: accepted.id }, () => `${name} was deleted`);
}

function row(view: Compute): string[] {
  return [view.name, view.id, view.state, view.device.name, view.image.name, view.ip, ago(view.createdAt)];
}

function describe(view: Compute): string {
  const policy = view.restartPolicy;
  const retries =
    policy.name === 'on-failure' && policy.maximumRetries > 0 ? `:${String(policy.maximumRetries)}` : '';
  return details([
    ['name', view.name],
    ['id', view.id],
    ['state', view.reason === '' ? view.state : `${view.state}: ${view.reason}`],
    ...view.causes.map(({ message, mend }): [string, string] => ['cause', `${message} ${mend}`]),
    ['device', view.device.name],
    ['group', view.groupName ?? undefined],
    ['epoch', view.epoch],
    ['image', view.image.name],
    ['command', view.command?.join(' ')],
    ['ip', view.ip],
    ['mac', view.mac],
    [
      'ports',
      view.ports
        .map(({ protocol, host, compute }) => `${String(host)}:${String(compute)}/${protocol}`)
        .join(', '),
    ],
    ['memory', view.memoryBytes === undefined ? undefined : formatBytes(view.memoryBytes)],
    ['cpus', view.cpus],
    ['pids', view.pids],
    ['capabilities', view.capabilities.join(', ')],
    [
      'labels',
      Object.entries(view.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(', '),
    ],
    ['volumes', view.volumes.map(({ name, path }) => `${name}:${path}`).join(', ')],
    ['tmpfs', view.tmpfs.map(({ path, sizeBytes }) => `${path}:${formatBytes(sizeBytes)}`).join(', ')],
    [
      'restart',
      `${policy.name}${retries}${view.restarts > 0 ? `, ${String(view.restarts)} times so far` : ''}`,
    ],
    ['if its device is lost', lossWords(view)],
    ['health', view.health ? `${view.health.state}: ${view.health.reason}` : undefined],
    ['health check', view.healthCheck?.command.join(' ')],
    ['last exit', view.lastExit ? exitWords(view.lastExit) : undefined],
    ['on the device', observedWords(view)],
    ['last change', view.lastUpdate ? `${view.lastUpdate.state}, ${ago(view.lastUpdate.at)}` : undefined],
    ['movable', view.movable.ok ? 'yes' : view.movable.causes.map(({ message }) => message).join(' ')],
    ['created', ago(view.createdAt)],
  ]);
}

function lossWords({ protection, checkpoint }: Compute): string {
  if (protection === undefined) return 'it waits for it';
  if (protection.kind === 'restart') return 'it is started afresh on another';
  const every = `a checkpoint every ${String(protection.everySeconds)} s`;
  if (checkpoint === null) return `${every}; there is none yet`;
  const { device, takenAt, bytes, frozenMs } = checkpoint;
  return `${every}; the last one ${ago(takenAt)} on ${device.name}, ${formatBytes(bytes)}, frozen ${frozenMs.toFixed(0)} ms`;
}

function exitWords({ code, oom, at }: NonNullable<Compute['lastExit']>): string {
  return `code ${String(code)}${oom ? ', out of memory' : ''}, ${ago(at)}`;
}

/** What its device says that there is, beside what was asked for. */
function observedWords({ observed: { state, limits, at } }: Compute): string {
  const memory = limits?.memoryBytes == null ? [] : [`memory ${formatBytes(limits.memoryBytes)}`];
  const cpus = limits?.cpus == null ? [] : [`cpus ${String(limits.cpus)}`];
  const told = at === null ? [] : [`told ${ago(at)}`];
  return [state, ...memory, ...cpus, ...told].join(', ');
}
