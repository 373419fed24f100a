import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';
import { overSsh, quote } from './guest/ssh.ts';
import { makeCgroup } from './machine/cgroup.ts';
import { namespacePath } from './machine/network.ts';
import { isAlive } from './machine/processes.ts';
import type { Lab } from './state.ts';

/** Where each device finds the checkout. */
export const CHECKOUT_ON_DEVICE = '/opt/drayage';

const DEVICE_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

/** A device's boots are counted; `pid` is its init as this machine knows it. */
const bootSchema = z.object({ boot: z.number().int(), pid: z.number().int(), startTicks: z.number() });
export type Boot = z.infer<typeof bootSchema>;

/** The last boot of a device, alive or not; null when it never had one. */
export async function readBoot(lab: Lab, device: string): Promise<Boot | null> {
  const text = await readFile(lab.paths.boot(device), 'utf8').catch(() => null);
  return text === null ? null : bootSchema.parse(JSON.parse(text));
}

/** The device's init; null when the device is off. */
export async function deviceInit(lab: Lab, device: string): Promise<Boot | null> {
  const boot = await readBoot(lab, device);
  return boot !== null && (await isAlive(boot)) ? boot : null;
}

/** A file of a device that is on, as this machine reaches it. Relative links in it lead where they do on the device. */
export async function fileOnDevice(lab: Lab, device: string, path: string): Promise<string> {
  const init = await requireInit(lab, device);
  return lab.settings.guests === null
    ? `/proc/${init.pid}/root${path}`
    : `${lab.paths.deviceRoot(device)}${path}`;
}

/** A command and its arguments, ready for spawn. */
export type Command = [file: string, ...args: string[]];

/** The command as run in that cgroup; what it leaves behind is found there. Paths are below the tracking hierarchy. */
export async function inCgroup(path: string, command: Command): Promise<Command> {
  const procs = await makeCgroup(path);
  return ['sh', '-c', 'echo $$ > "$1" && shift && exec "$@"', 'sh', procs, ...command];
}

/**
 * The command as run on a device, in all of its namespaces, or over ssh where it is a guest. `part` names the cgroup
 * that it and its children are found in; of a guest's only this machine's side. Throws a DrayageError when there is no such device or it is off.
 */
export async function onDevice(
  lab: Lab,
  device: string,
  part: string,
  command: string[],
  environment: Record<string, string> = {},
): Promise<Command> {
  const init = await requireInit(lab, device);
  const variables = Object.entries({ ...DEVICE_ENVIRONMENT, ...environment }).map(
    ([name, value]) => `${name}=${value}`,
  );
  if (lab.settings.guests !== null) {
    const line = ['env', '-i', ...variables, ...command].map(quote).join(' ');
    return inCgroup(`${lab.names.cgroup}/${device}/${part}`, overSsh(lab, device, line));
  }
  return inCgroup(`${lab.names.cgroup}/${device}/${part}`, [
    ...([
      'nsenter',
      '--target',
      String(init.pid),
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--time',
    ] as const),
    ...['--', 'env', '-i', ...variables, ...command],
  ]);
}

/** The command as run on the client host beside the devices, with this machine's file system. */
export async function onClient(lab: Lab, command: string[]): Promise<Command> {
  return inCgroup(`${lab.names.cgroup}/client`, [
    'nsenter',
    `--net=${namespacePath(lab.names.clientNamespace)}`,
    '--',
    ...command,
  ]);
}

/** The command as run on the lab's switch: its cards are named for what is plugged in (d1, d2, control, client). */
export async function onSwitch(lab: Lab, command: string[]): Promise<Command> {
  return inCgroup(`${lab.names.cgroup}/switch`, [
    'nsenter',
    `--net=${namespacePath(lab.names.switchNamespace)}`,
    '--',
    ...command,
  ]);
}

async function requireInit(lab: Lab, device: string): Promise<Boot> {
  requireDevice(lab, device);
  const init = await deviceInit(lab, device);
  if (init !== null) return init;
  throw new DrayageError({
    code: 'deviceOff',
    message: `Device ${device} is off.`,
    mend: `Start it with: drayage lab start ${device}`,
  });
}

export function requireDevice(lab: Lab, device: string): void {
  if (lab.devices.includes(device)) return;
  if (lab.fakes.includes(device)) {
    throw new DrayageError({
      code: 'deviceFake',
      message: `${device} is a fake device: there is nothing to run on it and no cable to cut.`,
      mend: 'Kill and start it, or take a lab with real devices.',
    });
  }
  throw new DrayageError({
    code: 'unknownDevice',
    message: `The lab '${lab.name}' has no device '${device}'.`,
    mend: `Its devices are: ${lab.devices.join(', ')}.`,
  });
}
