import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';
import { type ControlApi, controlApi, listAll } from './controlApi.ts';
import { lastWords, partProcess, startWorker } from './device.ts';
import { runningFakes, startFake } from './fakes.ts';
import { until } from '../core/until.ts';
import type { Lab } from './state.ts';

/** From the worker's start to its first heartbeat, milliseconds; its programs are bundled for Temporal meanwhile. */
const JOIN_TIMEOUT_MS = 90_000;
/** The same where the processor is emulated. */
const GUEST_JOIN_TIMEOUT_MS = 3_600_000;

/** More joining at the same time only wait for each other on a small machine. */
const FAKES_AT_ONCE = 20;
/** Between two looks at who has joined, milliseconds. */
const LOOK_MS = 200;

const joinTokenSchema = z.object({ token: z.string() });
const deviceSchema = z.object({ id: z.string(), name: z.string(), state: z.string() });
export type JoinedDevice = z.infer<typeof deviceSchema>;

/** Starts every device's node worker with a join token, approves the device, and waits until all are ready. */
export async function joinDevices(lab: Lab): Promise<void> {
  const api = await controlApi(lab);
  const start = async (device: string) => {
    const { token } = joinTokenSchema.parse(await api.request('POST', '/devices/tokens', {}));
    await writeFile(tokenFile(lab, device), token, { mode: 0o600 });
    await startWorker(lab, device, workerEnvironment(lab, device, token));
  };
  await Promise.all(lab.devices.map(start));
  const timeoutMs = lab.settings.guests === null ? JOIN_TIMEOUT_MS : GUEST_JOIN_TIMEOUT_MS;
  await untilReady(api, lab.devices, timeoutMs, async (missing) => {
    for (const device of missing) await requireWorker(lab, device);
  });
}

/** Starts fake devices, so many at a time, approves them, and waits until they are ready. `told` hears how many are. */
export async function joinFakes(
  lab: Lab,
  names: readonly string[],
  told: (ready: number) => void = () => undefined,
): Promise<void> {
  const api = await controlApi(lab);
  for (let from = 0; from < names.length; from += FAKES_AT_ONCE) {
    const some = names.slice(from, from + FAKES_AT_ONCE);
    for (const name of some) {
      const { token } = joinTokenSchema.parse(await api.request('POST', '/devices/tokens', {}));
      await startFake(lab, name, token);
    }
    await untilReady(api, some, JOIN_TIMEOUT_MS, async () => {
      if ((await runningFakes(lab)) === null) throw fakesEnded(lab);
    });
    told(from + some.length);
  }
}

/** Approves what waits for it, until all of these devices are ready. `check` throws when one of those missing cannot come. */
async function untilReady(
  api: ControlApi,
  names: readonly string[],
  timeoutMs: number,
  check: (missing: string[]) => Promise<void>,
): Promise<void> {
  const approved = new Set<string>();
  let missing = [...names];
  const look = async () => {
    // One by one: of a thousand that have joined the list is long.
    const seen = await Promise.all(missing.map((name) => deviceNamed(api, name)));
    for (const one of seen) {
      if (one?.state !== 'pending' || approved.has(one.id)) continue;
      await api.request('POST', `/devices/${one.id}/approve`);
      approved.add(one.id);
    }
    missing = missing.filter((_, index) => seen[index]?.state !== 'ready');
    await check(missing);
    return missing.length === 0;
  };
  await until('all devices to join', timeoutMs, look, LOOK_MS);
}

/**
 * Starts every device's node worker without a token or an address, and waits until the control plane knows all of them.
 * Nothing is waited for where the control plane's announcement is switched off.
 */
export async function discoverDevices(lab: Lab): Promise<void> {
  await Promise.all(lab.devices.map((device) => startWorkerAgain(lab, device)));
  if (process.env['DRAYAGE_MDNS'] === 'off') return;
  const api = await controlApi(lab);
  await until('all devices to be discovered', JOIN_TIMEOUT_MS, async () => {
    const known = new Set((await listDevices(api)).map(({ name }) => name));
    const missing = lab.devices.filter((device) => !known.has(device));
    for (const device of missing) await requireWorker(lab, device);
    return missing.length === 0;
  });
}

/** Starts the worker of a device that has joined before (its certificate is on its disk), or joins by itself. */
export async function startWorkerAgain(lab: Lab, device: string): Promise<void> {
  const token = await readFile(tokenFile(lab, device), 'utf8').catch(() => '');
  await startWorker(lab, device, workerEnvironment(lab, device, token));
}

/** Null while it has not joined. */
async function deviceNamed(api: ControlApi, name: string): Promise<JoinedDevice | null> {
  try {
    return deviceSchema.parse(await api.request('GET', `/devices/${name}`));
  } catch (error) {
    if (error instanceof DrayageError && error.cause_.code === 'unknownDevice') return null;
    throw error;
  }
}

/** The control plane's records of all devices. */
export function listDevices(api: ControlApi): Promise<JoinedDevice[]> {
  return listAll(api, '/devices', deviceSchema);
}

function workerEnvironment(lab: Lab, device: string, token: string): Record<string, string> {
  const control = { DRAYAGE_CONTROL_URL: `https://${lab.addresses.control}:7443`, DRAYAGE_JOIN_TOKEN: token };
  return {
    DRAYAGE_STATE_DIR: '/var/lib/drayage',
    DRAYAGE_RUN_DIR: '/run/drayage',
    // Else it finds the control plane, and is approved.
    ...(lab.settings.join ? control : {}),
    DRAYAGE_DEVICE_NAME: device,
    DRAYAGE_BRIDGE: 'br0',
    DRAYAGE_LINK_LISTEN: `${lab.addresses.device(device)}:7444`,
    DRAYAGE_DOCKER_SOCKET: '/var/run/docker.sock',
  };
}

async function requireWorker(lab: Lab, device: string): Promise<void> {
  if ((await partProcess(lab, device, 'worker')) !== null) return;
  throw new DrayageError({
    code: 'workerEnded',
    message: `The node worker of ${device} has ended instead of joining: ${await lastWords(lab, device, 'worker')}`,
    mend: '',
  });
}

function fakesEnded(lab: Lab): DrayageError {
  return new DrayageError({
    code: 'workerEnded',
    message: 'The process of the fake devices has ended instead of joining them.',
    mend: `See its log: ${lab.paths.fakesLog}`,
  });
}

function tokenFile(lab: Lab, device: string): string {
  return join(lab.paths.device(device), 'join-token');
}
