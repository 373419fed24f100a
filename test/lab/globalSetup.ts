import type { TestProject } from 'vitest/node';
import { downLab } from '../../lab/down.ts';
import type { GuestArchitecture } from '../../lab/guest/architecture.ts';
import { makeProgress } from '../../lab/progress.ts';
import { listLabs } from '../../lab/state.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Every lab of this run has a name that begins with it. */
    labPrefix: string;
    /** What the devices of the shared lab are; null is namespaces of this machine. */
    labGuests: GuestArchitecture | null;
  }
}

const PREFIX = /^test-([0-9]+)/;

/** Labs are made by the files that need them; whatever became of these, all are removed at the end. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('labPrefix', `test-${process.pid}`);
  project.provide('labGuests', null);
  // Of runs that were killed.
  await removeLabs((pid) => !isRunning(pid));
  return () => removeLabs((pid) => pid === process.pid);
}

async function removeLabs(which: (pid: number) => boolean): Promise<void> {
  const progress = makeProgress((line) => process.stderr.write(`${line}\n`));
  for (const name of await listLabs()) {
    const pid = PREFIX.exec(name)?.[1];
    if (pid !== undefined && which(Number(pid))) await downLab(name, progress);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
