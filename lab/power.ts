import { DrayageError } from '../core/cause.ts';
import { waitForLock } from '../device/processLock.ts';
import { partProcess, signalPart, startDevice, type Part } from './device.ts';
import { deviceInit, requireDevice } from './deviceProcess.ts';
import { labLock } from './down.ts';
import { killFake, startFake, startFakesProcess } from './fakes.ts';
import { startWorkerAgain } from './join.ts';
import { unmountGuests } from './guest/guestFiles.ts';
import { killCgroup, signal } from './machine/cgroup.ts';
import { releaseLoops } from './machine/disk.ts';
import { identify, isAlive } from './machine/processes.ts';
import { until } from '../core/until.ts';
import { removeDeviceNetwork } from './network.ts';
import type { Lab } from './state.ts';

/** Longest time from SIGKILL to the end of one program, milliseconds. */
const END_TIMEOUT_MS = 10_000;

/**
 * Ends a part of a device at once. `device` is a loss of power: no process, address or memory of it is left, only its
 * disk. Resolves once it is gone, with false when it did not run.
 */
export async function killPart(lab: Lab, device: string, part: Part | 'device'): Promise<boolean> {
  if (lab.fakes.includes(device)) return killFake(lab, device, fakePart(device, part));
  requireDevice(lab, device);
  return withLabLock(lab, () => (part === 'device' ? powerOff(lab, device) : killProgram(lab, device, part)));
}

/** Starts whatever of a device does not run: the device itself, dockerd, its node worker if the lab has them. */
export async function startParts(lab: Lab, device: string): Promise<void> {
  if (lab.fakes.includes(device)) {
    await startFakesProcess(lab);
    return startFake(lab, device);
  }
  requireDevice(lab, device);
  await withLabLock(lab, async () => {
    await startDevice(lab, device);
    if (lab.settings.workers) await startWorkerAgain(lab, device);
  });
}

function fakePart(device: string, part: Part | 'device'): 'device' | 'worker' {
  if (part !== 'dockerd') return part;
  throw new DrayageError({
    code: 'noSuchPart',
    message: `${device} is a fake device: it has no dockerd.`,
    mend: 'Kill the device, or its worker.',
  });
}

async function powerOff(lab: Lab, device: string): Promise<boolean> {
  const ran = (await deviceInit(lab, device)) !== null;
  // Off the network first: while its programs die one after the other, none must say a word (FIN, RST).
  await removeDeviceNetwork(lab, device);
  await killCgroup(`${lab.names.cgroup}/${device}`);
  await unmountGuests(lab.paths.deviceRoot(device));
  await releaseLoops(lab.paths.device(device));
  return ran;
}

async function killProgram(lab: Lab, device: string, part: Part): Promise<boolean> {
  // On a guest systemd starts it again: there is no end to wait for.
  if (lab.settings.guests !== null) return signalPart(lab, device, part, 'SIGKILL');
  const pid = await partProcess(lab, device, part);
  const identity = pid === null ? null : await identify(pid);
  if (identity === null) return false;
  signal(identity.pid, 'SIGKILL');
  await until(`${part} of ${device} to end`, END_TIMEOUT_MS, async () => !(await isAlive(identity)));
  return true;
}

async function withLabLock<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  const lock = await waitForLock(labLock(lab.name));
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
