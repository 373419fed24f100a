import { waitForLock } from '../device/processLock.ts';
import { labLock } from './down.ts';
import { startFakesProcess } from './fakes.ts';
import { joinFakes } from './join.ts';
import { toLab, writeLab, type Lab } from './state.ts';
import { fakeNames } from './topology.ts';

/** Brings a lab that is up to `count` fake devices, all ready. `told` hears how many of the new ones are. */
export async function moreFakes(lab: Lab, count: number, told: (ready: number) => void): Promise<Lab> {
  const lock = await waitForLock(labLock(lab.name));
  try {
    const grown = await allowFakes(lab, count);
    await joinFakes(grown, grown.fakes.slice(lab.fakes.length), told);
    return grown;
  } finally {
    await lock.release();
  }
}

/** The same of a lab that nobody else works on, but for their joining: `startFake` starts each of the new ones. */
export async function allowFakes(lab: Lab, count: number): Promise<Lab> {
  const { names: _names, addresses: _addresses, paths: _paths, ...record } = lab;
  const grown = toLab({ ...record, fakes: fakeNames(count) });
  await writeLab(grown);
  await startFakesProcess(grown);
  return grown;
}
