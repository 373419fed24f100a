import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../core/cause.ts';
import {
  CHECKOUT_ON_DEVICE,
  deviceInit,
  fileOnDevice,
  inCgroup,
  onDevice,
  readBoot,
  type Boot,
  type Command,
} from './deviceProcess.ts';
import { guestPartProcess, guestPartWords, signalGuestPart, startGuestWorker } from './guest/guestParts.ts';
import { startGuest } from './guest/startGuest.ts';
import { processesIn, signal } from './machine/cgroup.ts';
import { makeDisk, releaseLoops } from './machine/disk.ts';
import { namespaceIdentity, namespacePath } from './machine/network.ts';
import { commandLine, identify } from './machine/processes.ts';
import { run } from './machine/run.ts';
import { until } from '../core/until.ts';
import { makeDeviceNetwork } from './network.ts';
import { checkoutOf, type Lab } from './state.ts';
import { clockOffsets } from './topology.ts';

/** Longest time from a start to an answer, milliseconds; seen: 0.3 s to boot, 2 s for dockerd on a busy core. */
const BOOT_TIMEOUT_MS = 30_000;
const DOCKERD_TIMEOUT_MS = 90_000;

/** What runs on a device beside its init. */
export const PARTS = ['dockerd', 'worker'] as const;
export type Part = (typeof PARTS)[number];

/** Logs of the parts, on the device's disk. */
const DOCKERD_LOG = '/var/log/dockerd.log';
export const WORKER_LOG = '/var/log/drayage-worker.log';
const WORKER_PROGRAM = `${CHECKOUT_ON_DEVICE}/workers/node.ts`;
const NODE_ON_DEVICE = `${CHECKOUT_ON_DEVICE}/node_modules/node/bin/node`;
/**
 * A young generation of 3 x 4 MB instead of 3 x 16 MB, and two arenas for all threads instead of eight a processor: a worker
 * keeps little that is young for long, and a device has better uses for its memory. The systemd unit has the same
 * (deploy/drayage-node.service).
 */
const WORKER_FLAGS = '--max-semi-space-size=4';
const WORKER_ARENAS = 'MALLOC_ARENA_MAX=2';

/**
 * Brings a device up from whatever state it is in: network, init, dockerd. What is up already stays as it is. A guest
 * gets its network and dockerd with its worker, from the install script.
 */
export async function startDevice(lab: Lab, device: string): Promise<void> {
  const { guests } = lab.settings;
  if (guests !== null) return startGuest(lab, device, guests);
  if ((await namespaceIdentity(lab.names.deviceNamespace(device))) === null)
    await makeDeviceNetwork(lab, device);
  if ((await deviceInit(lab, device)) === null) await bootDevice(lab, device);
  await startDockerd(lab, device);
}

/** Starts dockerd unless it runs, and waits until it answers. */
async function startDockerd(lab: Lab, device: string): Promise<void> {
  if ((await partProcess(lab, device, 'dockerd')) === null) {
    // A pid file of a dockerd that was killed; the pid may be another program's by now.
    const start = `rm -f /run/docker.pid; setsid dockerd >> ${DOCKERD_LOG} 2>&1 < /dev/null &`;
    await runCommand(await onDevice(lab, device, 'dockerd', ['sh', '-c', start]));
  }
  const socket = await fileOnDevice(lab, device, '/run/docker.sock');
  try {
    await until(`dockerd of ${device}`, DOCKERD_TIMEOUT_MS, () => pingDocker(socket));
  } catch (error) {
    const words = await lastWords(lab, device, 'dockerd');
    const message = `${(error as Error).message} Its last words: ${words}`;
    throw new DrayageError({ code: 'partDidNotStart', message, mend: '' }, { cause: error });
  }
}

/** Starts the node worker, unless it runs. It is up once the control plane hears from it. */
export async function startWorker(
  lab: Lab,
  device: string,
  environment: Record<string, string>,
): Promise<void> {
  if (lab.settings.guests !== null) return startGuestWorker(lab, device, environment);
  if ((await partProcess(lab, device, 'worker')) !== null) return;
  const start = `${WORKER_ARENAS} setsid ${NODE_ON_DEVICE} ${WORKER_FLAGS} ${WORKER_PROGRAM} >> ${WORKER_LOG} 2>&1 < /dev/null &`;
  const command = ['sh', '-c', `cd ${CHECKOUT_ON_DEVICE}; ${start}`];
  await runCommand(await onDevice(lab, device, 'worker', command, environment));
}

/** The main process of a part, as this machine knows it (a guest's: as the guest does); null when it does not run. */
export async function partProcess(lab: Lab, device: string, part: Part): Promise<number | null> {
  if (lab.settings.guests !== null)
    return (await deviceInit(lab, device)) === null ? null : guestPartProcess(lab, device, part);
  for (const pid of await processesIn(`${lab.names.cgroup}/${device}/${part}`)) {
    const [program = '', ...rest] = await commandLine(pid);
    const isMain = part === 'dockerd' ? basename(program) === 'dockerd' : rest.at(-1) === WORKER_PROGRAM;
    if (isMain && (await identify(pid)) !== null) return pid;
  }
  return null;
}

/** Sends a signal to the main process of a part; false when it does not run. */
export async function signalPart(
  lab: Lab,
  device: string,
  part: Part,
  name: NodeJS.Signals,
): Promise<boolean> {
  if (lab.settings.guests !== null) return signalGuestPart(lab, device, part, name);
  const pid = await partProcess(lab, device, part);
  if (pid !== null) signal(pid, name);
  return pid !== null;
}

async function bootDevice(lab: Lab, device: string): Promise<void> {
  await mkdir(join(lab.paths.device(device), 'root'), { recursive: true });
  const disk = lab.paths.disk(device);
  const boot = ((await readBoot(lab, device))?.boot ?? 0) + 1;
  if (boot === 1) {
    await rm(disk, { force: true });
    await makeDisk(disk, Math.round(lab.settings.diskGb * 1024 ** 3));
  }
  await releaseLoops(lab.paths.device(device));
  const pid = await spawnInit(lab, device, boot);
  const identity = await identify(pid);
  if (identity === null) throw await bootFailed(lab, device);
  const record: Boot = { boot, ...identity };
  await writeFile(lab.paths.boot(device), JSON.stringify(record));
}

/** Resolves with the process id of the device's init, once its file system stands. */
async function spawnInit(lab: Lab, device: string, boot: number): Promise<number> {
  const { monotonic, boottime } = clockOffsets(device, boot);
  const [file, ...args] = await inCgroup(`${lab.names.cgroup}/${device}/init`, [
    ...(['nsenter', `--net=${namespacePath(lab.names.deviceNamespace(device))}`, '--'] as const),
    ...['unshare', '--mount', '--pid', '--uts', '--ipc', '--time', '--fork', '--propagation', 'private'],
    ...['--monotonic', String(monotonic), '--boottime', String(boottime)],
    ...['sh', fileURLToPath(new URL('machine/boot.sh', import.meta.url))],
  ]);
  const log = await open(lab.paths.bootLog(device), 'w');
  const child = spawn(file, args, {
    env: { ...process.env, ...bootEnvironment(lab, device) },
    stdio: ['ignore', log.fd, log.fd, 'pipe'],
    detached: true,
  });
  child.unref();
  let said = '';
  const timer = setTimeout(() => child.kill('SIGKILL'), BOOT_TIMEOUT_MS);
  // A failed boot.sh ends the file without a word. (unshare, which waits for the device's end, has it open till then.)
  for await (const chunk of child.stdio[3] as NodeJS.ReadableStream) {
    said += String(chunk);
    if (said.endsWith('\n')) break;
  }
  clearTimeout(timer);
  await log.close();
  if (!/^[0-9]+\n$/.test(said)) throw await bootFailed(lab, device);
  return Number(said);
}

function bootEnvironment(lab: Lab, device: string): Record<string, string> {
  const hosts = lab.devices.map((name) => `${lab.addresses.device(name)} ${name}\n`);
  return {
    NAME: device,
    ROOTFS: lab.rootfs,
    DISK: lab.paths.disk(device),
    CHECKOUT: checkoutOf(lab, device),
    MOUNT: join(dirname(lab.paths.disk(device)), 'root'),
    HOSTS: `127.0.0.1 localhost\n${lab.addresses.control} control\n${lab.addresses.client} client\n${hosts.join('')}`,
    DAEMON: JSON.stringify(daemonSettings(lab, device), null, 1),
  };
}

/** What a device's /etc/docker/daemon.json holds. */
function daemonSettings(lab: Lab, device: string) {
  return {
    'storage-driver': 'overlay2',
    // overlay2 is no containerd snapshotter, which newer engines would choose on a fresh disk.
    features: { 'containerd-snapshotter': false },
    // Computes get their network from Drayage.
    bridge: 'none',
    'cgroup-parent': `/${lab.names.cgroup}/${device}`,
    // Containers live on when dockerd is killed or replaced.
    'live-restore': true,
    runtimes: { drayage: { path: `${CHECKOUT_ON_DEVICE}/device/checkpoint/drayage-runc` } },
  };
}

async function bootFailed(lab: Lab, device: string): Promise<DrayageError> {
  const log = await readFile(lab.paths.bootLog(device), 'utf8').catch(() => '');
  return new DrayageError({
    code: 'deviceDidNotBoot',
    message: `Device ${device} did not boot: ${log.trim().slice(-600)}`,
    mend: `All of its words are in ${lab.paths.bootLog(device)}.`,
  });
}

/** The end of what a part of a device has said; empty when that cannot be read. */
export async function lastWords(lab: Lab, device: string, part: Part): Promise<string> {
  const path = await fileOnDevice(lab, device, part === 'dockerd' ? DOCKERD_LOG : WORKER_LOG);
  const text =
    lab.settings.guests === null
      ? await readFile(path, 'utf8').catch(() => '')
      : await guestPartWords(lab, device, part);
  return text.trim().slice(-1_000);
}

function pingDocker(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ping.on('error', () => resolve(false));
    ping.on('timeout', () => ping.destroy());
    ping.end();
  });
}

function runCommand([file, ...args]: Command) {
  return run(file, args);
}
