import { DrayageError } from '../core/cause.ts';
import { waitForLock } from '../device/processLock.ts';
import { allocate } from './allocate.ts';
import { startControlPlane } from './control.ts';
import { startDevice } from './device.ts';
import { clearLab, hasProcesses, labLock } from './down.ts';
import { prepareGuests } from './guest/startGuest.ts';
import { startFake, startFakesProcess } from './fakes.ts';
import { discoverDevices, joinDevices, joinFakes } from './join.ts';
import { makeNetwork } from './network.ts';
import { CHECKOUT, findFileSystems } from './prerequisites.ts';
import { NO_FAULTS } from './faults.ts';
import type { Progress } from './progress.ts';
import { readLab, toLab, writeLab, type Lab, type LabRecord, type LabSettings } from './state.ts';
import { deviceNames, fakeNames, labNameSchema } from './topology.ts';

export interface UpOptions extends Partial<Omit<LabSettings, 'workers'>> {
  /** @default 2, and none beside fake ones */
  devices?: number;
  /** Devices that do not exist, in one process. @default 0 */
  fakes?: number;
  /** What runs another checkout than this one, whose root that is: devices by name, and `control`. */
  checkouts?: Record<string, string>;
  /** Whether to start a control plane; without one no device joins. @default true */
  control?: boolean;
}

/** Devices that boot at the same time; more only wait for each other on a small machine. */
const BOOT_AT_ONCE = 4;

/**
 * Brings a lab up and resolves once it can be used. A lab that runs already is left as it is (`already`).
 * A failure, or an abort, removes what was made.
 */
export async function upLab(
  name: string,
  options: UpOptions,
  progress: Progress,
  signal?: AbortSignal,
): Promise<{ lab: Lab; already: boolean }> {
  labNameSchema.parse(name);
  const guests = options.guests ?? null;
  if (guests !== null && !((options.join ?? true) && (options.control ?? true))) throw guestsJoin();
  const devices = options.devices ?? ((options.fakes ?? 0) > 0 ? 0 : 2);
  // Without a device there is none to find.
  const fileSystems = devices > 0 ? await findFileSystems(guests) : { rootfs: '', packagesDisk: null };
  const lock = await waitForLock(labLock(name), ({ pid }) =>
    progress.say(`waiting for process ${pid}, which works on lab '${name}'`),
  );
  try {
    const before = await readLab(name);
    if (before?.phase === 'up' && (await hasProcesses(name))) return { lab: before, already: true };
    if (await clearLab(name, progress)) progress.say(`removed what was left of an earlier lab '${name}'`);
    const lab = await makeRecord(name, { ...options, devices }, fileSystems);
    try {
      await build(lab, options.control ?? true, progress, signal);
    } catch (error) {
      await clearLab(name, progress);
      throw error;
    }
    return { lab, already: false };
  } finally {
    await lock.release();
  }
}

/** Picks what is the lab's own and writes it down, so that no lab that starts meanwhile picks the same. */
async function makeRecord(
  name: string,
  options: UpOptions,
  fileSystems: Pick<LabRecord, 'rootfs' | 'packagesDisk'>,
): Promise<Lab> {
  const lock = await waitForLock('labs');
  try {
    const record = {
      name,
      ...(await allocate()),
      phase: 'starting' as const,
      devices: deviceNames(options.devices ?? 0),
      fakes: fakeNames((options.control ?? true) ? (options.fakes ?? 0) : 0),
      settings: {
        linkMbit: options.linkMbit ?? null,
        rttMs: options.rttMs ?? null,
        diskGb: options.diskGb ?? 20,
        guests: options.guests ?? null,
        join: (options.join ?? true) && (options.control ?? true),
        workers: options.control ?? true,
      },
      faults: NO_FAULTS,
      checkout: CHECKOUT,
      checkouts: options.checkouts ?? {},
      ...fileSystems,
    };
    await writeLab(record);
    return toLab(record);
  } finally {
    await lock.release();
  }
}

async function build(lab: Lab, control: boolean, progress: Progress, signal?: AbortSignal): Promise<void> {
  await makeNetwork(lab);
  if (lab.settings.guests !== null) await prepareGuests(lab);
  const devices = progress.step(`starting ${lab.devices.length} devices`, () => startDevices(lab, signal));
  const plane = control
    ? progress.step('starting the control plane', () => startControlPlane(lab))
    : Promise.resolve();
  // Both to their end before a failure is passed on, or its clean-up would race with the other.
  for (const outcome of await Promise.allSettled([devices, plane])) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
  signal?.throwIfAborted();
  if (lab.fakes.length > 0)
    await progress.step(`joining ${lab.fakes.length} fake devices`, () => startFakes(lab));
  signal?.throwIfAborted();
  if (lab.settings.join) await progress.step('joining the devices', () => joinDevices(lab));
  else if (lab.settings.workers)
    await progress.step('waiting for the devices to be discovered', () => discoverDevices(lab));
  signal?.throwIfAborted();
  lab.phase = 'up';
  await writeLab(lab);
}

/** They join by token, or wait to be approved, as the others do. */
async function startFakes(lab: Lab): Promise<void> {
  await startFakesProcess(lab);
  if (lab.settings.join) return joinFakes(lab, lab.fakes);
  for (const name of lab.fakes) await startFake(lab, name);
}

function guestsJoin(): DrayageError {
  return new DrayageError({
    code: 'guestsJoin',
    message: 'Guests join by token: the install script sets up their network and Docker with it.',
    mend: 'Leave --no-join and --no-control out, or --guests.',
  });
}

async function startDevices(lab: Lab, signal?: AbortSignal): Promise<void> {
  const waiting = [...lab.devices];
  const bootNext = async () => {
    for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
      signal?.throwIfAborted();
      await startDevice(lab, device);
    }
  };
  for (const outcome of await Promise.allSettled(Array.from({ length: BOOT_AT_ONCE }, bootNext))) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
