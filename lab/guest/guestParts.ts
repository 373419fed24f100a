import { dirname } from 'node:path';
import { CHECKOUT_ON_DEVICE, onDevice } from '../deviceProcess.ts';
import { run, type RunResult } from '../machine/run.ts';
import type { Lab } from '../state.ts';

/** The parts of a device as systemd knows them on a guest. */
const UNITS = { dockerd: 'docker.service', worker: 'drayage-node.service' };
type GuestPart = keyof typeof UNITS;

const INSTALLER = `${CHECKOUT_ON_DEVICE}/deploy/install-device.sh`;
/**
 * Threads of V8 that compile beside the main one write where that runs: an emulated processor translates all of it
 * anew each time. Seen: the worker's programs load in 49 s of QEMU's processor time, and in more than 110 s without this.
 */
const NODE_DROP_IN = '/etc/systemd/system/drayage-node.service.d/emulated.conf';
const NODE_SETTINGS = '[Service]\\nEnvironment=DRAYAGE_NODE_OPTIONS=--single-threaded DRAYAGE_PATIENCE=10\\n';
/** Docker's first start on an emulated processor: half a minute. */
const INSTALL_TIMEOUT_MS = 3_600_000;
const COMMAND_TIMEOUT_MS = 600_000;

/** The process that a part is on its guest; null when it does not run. The id is the guest's own. */
export async function guestPartProcess(lab: Lab, device: string, part: GuestPart): Promise<number | null> {
  const { stdout } = await onGuest(lab, device, [
    'systemctl',
    'show',
    '--property=MainPID',
    '--value',
    UNITS[part],
  ]);
  return Number(stdout) || null;
}

/** Sends a signal to a part's main process; false when it does not run. systemd starts a killed part again. */
export async function signalGuestPart(
  lab: Lab,
  device: string,
  part: GuestPart,
  name: NodeJS.Signals,
): Promise<boolean> {
  if ((await guestPartProcess(lab, device, part)) === null) return false;
  await onGuest(lab, device, ['systemctl', 'kill', '--kill-whom=main', `--signal=${name}`, UNITS[part]]);
  return true;
}

/**
 * Makes a guest a device as its operator would, by the install script of the checkout; where that has been done the
 * worker is started. `environment` is the node worker's.
 */
export async function startGuestWorker(
  lab: Lab,
  device: string,
  environment: Record<string, string>,
): Promise<void> {
  const unit = UNITS.worker;
  const installed = await onGuest(lab, device, ['systemctl', 'cat', unit], { allowFailure: true });
  if (installed.code === 0) {
    await onGuest(lab, device, ['systemctl', 'start', unit]);
    return;
  }
  const settings = `mkdir -p ${dirname(NODE_DROP_IN)} && printf '${NODE_SETTINGS}' > ${NODE_DROP_IN}`;
  await onGuest(lab, device, ['sh', '-c', settings]);
  const options = [
    ...['--name', device, '--control-url', environment['DRAYAGE_CONTROL_URL'] ?? ''],
    ...['--interface', 'eth0', '--address', `${lab.addresses.device(device)}/${lab.addresses.prefix}`],
  ];
  const token = { DRAYAGE_JOIN_TOKEN: environment['DRAYAGE_JOIN_TOKEN'] ?? '' };
  const [file, ...args] = await onDevice(lab, device, 'exec', ['sh', INSTALLER, ...options], token);
  await run(file, args, { timeoutMs: INSTALL_TIMEOUT_MS });
}

/** The end of what a part of a guest has said. */
export async function guestPartWords(lab: Lab, device: string, part: GuestPart): Promise<string> {
  const command = [
    'journalctl',
    '--quiet',
    '--no-pager',
    '--output=cat',
    '--lines=40',
    `--unit=${UNITS[part]}`,
  ];
  return (await onGuest(lab, device, command, { allowFailure: true })).stdout;
}

async function onGuest(
  lab: Lab,
  device: string,
  command: string[],
  options: { allowFailure?: boolean } = {},
): Promise<RunResult> {
  const [file, ...args] = await onDevice(lab, device, 'exec', command);
  return run(file, args, { timeoutMs: COMMAND_TIMEOUT_MS, ...options });
}
