import { readFile, writeFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import { findCgroup, type Cgroup } from './cgroup.ts';
import { patient } from '../patience.ts';

/** Where and how the processes of one container are frozen. */
export type Freezer = Cgroup;

/** Finds the freezer cgroup of a process, whichever cgroup version the device runs. */
export async function findFreezer(pid: number): Promise<Freezer> {
  const found = await findCgroup(pid, 'freezer');
  if (found) return found;
  throw new DrayageError({
    code: 'noFreezer',
    message: 'The device has no freezer cgroup for this compute.',
    mend: 'Mount the freezer controller (cgroup v1) or the unified hierarchy (cgroup v2).',
  });
}

/** Longest wait for all tasks to stop; a task in an uninterruptible call keeps the others waiting, milliseconds. */
const FREEZE_DEADLINE_MS = patient(2000);

/** Stops all processes of the cgroup; resolves when the last one stopped. @throws DrayageError after 2 s, thawed again */
export async function freeze(freezer: Freezer): Promise<void> {
  await writeFile(stateFile(freezer), freezer.version === 1 ? 'FROZEN' : '1');
  const deadline = performance.now() + FREEZE_DEADLINE_MS;
  while (!(await isFrozen(freezer))) {
    if (performance.now() > deadline) {
      await thaw(freezer);
      throw new DrayageError({
        code: 'freezeTimedOut',
        message:
          'The compute could not be frozen within 2 s: one of its processes is in an uninterruptible call.',
        mend: 'Look for a stuck disk or network file system inside the compute and try again.',
      });
    }
    await turn();
  }
}

/** Lets the processes run on. */
export async function thaw(freezer: Freezer): Promise<void> {
  const { word, file } = thawCommand(freezer);
  await writeFile(file, word);
}

/** What has to be written where, for whoever does that in this process's place. */
export function thawCommand(freezer: Freezer): { word: string; file: string } {
  return { word: freezer.version === 1 ? 'THAWED' : '0', file: stateFile(freezer) };
}

/** Whether every process of the cgroup is stopped. False when the cgroup is gone. */
export async function isFrozen(freezer: Freezer): Promise<boolean> {
  const file = freezer.version === 1 ? 'freezer.state' : 'cgroup.events';
  const text = await readFile(`${freezer.directory}/${file}`, 'utf8').catch(() => '');
  return freezer.version === 1 ? text.trim() === 'FROZEN' : /^frozen 1$/m.test(text);
}

/** Pids in the cgroup. */
export async function pidsOf(freezer: Freezer): Promise<number[]> {
  const text = await readFile(`${freezer.directory}/cgroup.procs`, 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

/** Ends frozen processes without letting one instruction of theirs run: the kill is pending before the thaw. */
export async function killFrozen(freezer: Freezer): Promise<void> {
  for (const pid of await pidsOf(freezer)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  await thawLeft(freezer);
}

/** Lets the processes run on, if there still are any. */
export async function thawLeft(freezer: Freezer): Promise<void> {
  await thaw(freezer).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENODEV') throw error;
  });
}

function stateFile({ version, directory }: Freezer): string {
  return `${directory}/${version === 1 ? 'freezer.state' : 'cgroup.freeze'}`;
}
