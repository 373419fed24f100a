import { readFile, readdir, readlink } from 'node:fs/promises';

/** A process, told apart from a later one that was given the same id. */
export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks. */
  startTicks: number;
}

/** Null when there is no such process, or it has ended and only waits for its parent. */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The command's name, in parentheses, may hold anything; fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return { pid, startTicks: Number(fields[19]) };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startTicks === identity.startTicks;
}

/** The command line of a process; empty when it has gone. */
export async function commandLine(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').filter(Boolean);
}

/** Ids of all processes whose network namespace is one of those given (as `net:[4026532000]`). */
export async function processesInNetworks(networks: ReadonlySet<string>): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const network = await readlink(`/proc/${entry}/ns/net`).catch(() => '');
    if (networks.has(network)) found.push(Number(entry));
  }
  return found;
}
