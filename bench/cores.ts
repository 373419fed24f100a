import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { readOrEmpty } from '../device/readOrEmpty.ts';
import { processesIn } from '../lab/machine/cgroup.ts';
import { run } from '../lab/machine/run.ts';
import type { Lab } from '../lab/state.ts';

/** Who runs where: the client and the compute on one core, the devices, the control plane and this program on the other. */
export interface Cores {
  load: number;
  rest: number;
}

/** Null on a machine with a single core, where nothing can be told apart. */
export function chooseCores(available: number = availableParallelism()): Cores | null {
  return available < 2 ? null : { load: 0, rest: 1 };
}

/** The command, bound to a core; as it is for null. */
export function onCore(core: number | null, command: string[]): string[] {
  return core === null ? command : ['taskset', '--cpu-list', String(core), ...command];
}

/** Binds a process with all of its threads; what it starts from now on inherits that. One that has gone is no error. */
export async function bindProcess(pid: number, core: number): Promise<void> {
  await run('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)], {
    allowFailure: true,
  });
}

/** Binds this process, and all that runs in a lab by now; what either starts from now on inherits it. */
export async function bindLab(lab: Lab, core: number): Promise<void> {
  for (const pid of [process.pid, ...(await processesIn(lab.names.cgroup))]) await bindProcess(pid, core);
}

/** Between two looks for processes that are to be bound, milliseconds: a look takes some from the contenders' own core. */
const LOOK_MS = 250;

/**
 * Binds the processes of a name, on whichever device and however they came there, to a core, again and again until the
 * returned function is called: a restored process runs where its restorer ran.
 */
export function keepBound(lab: Lab, program: string, core: number): () => Promise<void> {
  let stopped = false;
  const watch = async () => {
    while (!stopped) {
      for (const pid of await findProcesses(lab.names.cgroup, program)) {
        if (!isBound(pid, core)) await bindProcess(pid, core);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  const done = watch();
  return async () => {
    stopped = true;
    await done;
  };
}

/** Whether all threads of a process may run on that core alone; one that is being restored gets them one by one. */
function isBound(pid: number, core: number): boolean {
  return threadsOf(pid).every((thread) => {
    const status = readOrEmpty(`/proc/${pid}/task/${thread}/status`);
    return status === '' || /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] === String(core);
  });
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Process ids of a program, by its name in /proc/PID/comm, in a cgroup and below. */
export async function findProcesses(cgroup: string, program: string): Promise<number[]> {
  const pids = await processesIn(cgroup);
  return pids.filter((pid) => readOrEmpty(`/proc/${pid}/comm`).trim() === program);
}
