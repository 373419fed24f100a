import { readFile } from 'node:fs/promises';
import { findFreezer, isFrozen } from '../../device/checkpoint/cgroupFreezer.ts';
import { recordSchema, type JournalRecord } from '../../device/ownership/journal.ts';
import { fileOnDevice, onDevice } from '../../lab/deviceProcess.ts';
import { processesIn } from '../../lab/machine/cgroup.ts';
import { run } from '../../lab/machine/run.ts';
import type { Lab } from '../../lab/state.ts';
import { patient } from './patience.ts';

/** One set of a compute's processes on a device. */
export interface Copy {
  device: string;
  frozen: boolean;
}

/**
 * Every process on all devices that has `marker` in its environment: what the kernel has, whatever engine, worker and
 * control plane believe. An environment that is not there (its page was never filled in) is made up for by the name of the
 * program. Not of guests, whose processes this machine does not see.
 */
export async function findProcesses(
  lab: Lab,
  marker: string,
  program?: string,
): Promise<{ device: string; pid: number }[]> {
  const found: { device: string; pid: number }[] = [];
  for (const device of lab.devices) {
    for (const pid of await processesIn(`${lab.names.cgroup}/${device}`)) {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const named = environment === '' && program !== undefined && (await isAlive(pid, program));
      if (named || environment.split('\0').includes(marker)) found.push({ device, pid });
    }
  }
  return found;
}

async function isAlive(pid: number, program: string): Promise<boolean> {
  const facts = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return new RegExp(`^\\d+ \\(${program}\\) [^ZX]`).test(facts);
}

/** The same, with whether they may run; of guests too. */
export async function findCopies(lab: Lab, marker: string, program?: string): Promise<Copy[]> {
  if (lab.settings.guests !== null)
    return (await Promise.all(lab.devices.map((device) => findOnGuest(lab, device, marker)))).flat();
  const copies: Copy[] = [];
  for (const { device, pid } of await findProcesses(lab, marker, program)) {
    const freezer = await findFreezer(pid).catch(() => null);
    if (freezer !== null) copies.push({ device, frozen: await isFrozen(freezer) });
  }
  return copies;
}

/** The same where another kernel has the processes; cgroup v2, as systemd has it. */
const FIND = `for file in $(grep -lszxF -- "$1" /proc/[0-9]*/environ); do
  group=$(sed -n 's/^0:://p' "\${file%/environ}/cgroup") && grep -h '^frozen ' "/sys/fs/cgroup$group/cgroup.events"
done
true`;

async function findOnGuest(lab: Lab, device: string, marker: string): Promise<Copy[]> {
  const [file, ...args] = await onDevice(lab, device, 'exec', ['sh', '-c', FIND, 'sh', marker]);
  const { stdout } = await run(file, args, { timeoutMs: patient(30_000) });
  return [...stdout.matchAll(/^frozen ([01])$/gm)].map(([, frozen]) => ({ device, frozen: frozen === '1' }));
}

/** What a device has in its journal of a group, oldest first. */
export async function readJournal(lab: Lab, device: string, group: string): Promise<JournalRecord[]> {
  const path = await fileOnDevice(lab, device, `/var/lib/drayage/journal/${group}.journal`);
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    // `checksum json`; the worker may be writing the last one.
    if (!/^[0-9a-f]{8} \{.*\}$/.test(line)) return [];
    return [recordSchema.parse(JSON.parse(line.slice(line.indexOf('{'))))];
  });
}
