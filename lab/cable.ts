import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';
import { waitForLock } from '../device/processLock.ts';
import { requireDevice } from './deviceProcess.ts';
import { labLock } from './down.ts';
import { NO_FAULTS, withCut, withLoss, type Faults } from './faults.ts';
import { applyFaults } from './network.ts';
import { requireLab, writeLab, type Lab } from './state.ts';
import { CONTROL_PORT } from './topology.ts';

/** Frames between the two ends go nowhere from now on, in both directions. Ends: a device, or `control`. */
export async function cut(lab: Lab, a: string, b: string): Promise<void> {
  requireEnds(lab, a, b);
  await changeFaults(lab, (faults) => withCut(faults, a, b));
}

/** That share of the frames between the two ends is lost, in each direction; 0 ends it. */
export async function lose(lab: Lab, a: string, b: string, percent: number): Promise<void> {
  requireEnds(lab, a, b);
  z.number().min(0).max(100).parse(percent);
  await changeFaults(lab, (faults) => withLoss(faults, a, b, percent));
}

/** Ends all cuts and losses. */
export async function heal(lab: Lab): Promise<void> {
  await changeFaults(lab, () => NO_FAULTS);
}

async function changeFaults(lab: Lab, change: (faults: Faults) => Faults): Promise<void> {
  const lock = await waitForLock(labLock(lab.name));
  try {
    const current = await requireLab(lab.name);
    const faults = change(current.faults);
    await applyFaults(current, faults);
    await writeLab({ ...current, faults });
  } finally {
    await lock.release();
  }
}

function requireEnds(lab: Lab, a: string, b: string): void {
  for (const end of [a, b]) if (end !== CONTROL_PORT) requireDevice(lab, end);
  if (a !== b) return;
  throw new DrayageError({
    code: 'sameEnds',
    message: `${a} has no cable to itself.`,
    mend: 'Name two different ends.',
  });
}
