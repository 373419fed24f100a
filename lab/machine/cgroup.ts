import { readdirSync, type Dirent } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayageError } from '../../core/cause.ts';
import { until } from '../../core/until.ts';
import { readOrEmpty } from '../../device/readOrEmpty.ts';

/** Where this machine has its cgroup hierarchies; version 1 has one mount per controller, version 2 a single one. */
export interface Hierarchies {
  /** Every mount of a hierarchy, version 1 and 2. */
  all: string[];
  /** The one that the lab finds its processes by: version 1's freezer, else version 2. */
  tracking: string;
}

/** Reads the mounts of cgroup hierarchies out of the text of /proc/self/mountinfo. Null when there is none. */
export function parseHierarchies(mountinfo: string): Hierarchies | null {
  const found: { path: string; version: 1 | 2; freezer: boolean }[] = [];
  for (const line of mountinfo.split('\n')) {
    const [mount, filesystem] = line.split(' - ');
    const path = mount?.split(' ')[4];
    const [type, , options = ''] = filesystem?.split(' ') ?? [];
    if (path === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    found.push({
      path,
      version: type === 'cgroup2' ? 2 : 1,
      freezer: options.split(',').includes('freezer'),
    });
  }
  const tracking = found.find((one) => one.freezer) ?? found.find((one) => one.version === 2);
  if (tracking === undefined) return null;
  return { all: [...new Set(found.map((one) => one.path))], tracking: tracking.path };
}

export async function findHierarchies(): Promise<Hierarchies> {
  const found = parseHierarchies(await readFile('/proc/self/mountinfo', 'utf8'));
  if (found !== null) return found;
  throw new DrayageError({
    code: 'noCgroups',
    message: 'This machine has no cgroup mount with a freezer.',
    mend: 'Mount cgroup2 on /sys/fs/cgroup, or run where systemd has done so.',
  });
}

/** Makes the cgroup where processes are tracked and returns its `cgroup.procs`, to which a process's id is written. */
export async function makeCgroup(path: string): Promise<string> {
  const { tracking } = await findHierarchies();
  const directory = join(tracking, path);
  await mkdir(directory, { recursive: true });
  return join(directory, 'cgroup.procs');
}

/**
 * Ids of the processes in a cgroup and, unless told otherwise, in all below it. Nothing there: none. Who looks often takes
 * this time from what it looks at: the many small files are read at once, which costs a tenth of a promise for each.
 */
export async function processesIn(path: string, options: { below?: boolean } = {}): Promise<number[]> {
  const { tracking } = await findHierarchies();
  const directories =
    options.below === false ? [join(tracking, path)] : directoriesBelow(join(tracking, path));
  const lists = directories.map((directory) => readOrEmpty(join(directory, 'cgroup.procs')));
  const pids = lists.flatMap((list) => list.split('\n').filter(Boolean).map(Number));
  // 0 is a process of an outer pid namespace, out of our reach.
  return [...new Set(pids)].filter((pid) => pid > 0);
}

/**
 * Kills every process in a cgroup and below, frozen ones too, and waits until they are gone.
 * Thaws in every look: a frozen task outlives SIGKILL, and something may freeze one more while it is dying.
 */
export async function killCgroup(path: string, timeoutMs = 20_000): Promise<void> {
  await until(`the processes of ${path} to end`, timeoutMs, async () => {
    const pids = await processesIn(path);
    if (pids.length === 0) return true;
    await thawBelow(path);
    for (const pid of pids) signal(pid, 'SIGKILL');
    return false;
  });
}

/** Thaws a cgroup and everything below it. */
async function thawBelow(path: string): Promise<void> {
  const { tracking } = await findHierarchies();
  for (const directory of directoriesBelow(join(tracking, path))) {
    await writeFile(join(directory, 'freezer.state'), 'THAWED', { flag: 'r+' }).catch(() => {});
    await writeFile(join(directory, 'cgroup.freeze'), '0', { flag: 'r+' }).catch(() => {});
  }
}

/** Removes a cgroup and all below it from every hierarchy; its processes must have ended. */
export async function removeCgroup(path: string, timeoutMs = 10_000): Promise<void> {
  const { all } = await findHierarchies();
  await until(`the cgroup ${path} to be removable`, timeoutMs, async () => {
    // EBUSY: an ended process is still being accounted for.
    for (const hierarchy of all) await removeTree(join(hierarchy, path));
    return (await cgroupsOf(path)).length === 0;
  });
}

/** Directories of a cgroup in every hierarchy, itself and all below. */
export async function cgroupsOf(path: string): Promise<string[]> {
  const { all } = await findHierarchies();
  return all.flatMap((hierarchy) => directoriesBelow(join(hierarchy, path)));
}

/** Sends a signal; a process that has gone meanwhile is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function removeTree(directory: string): Promise<void> {
  const deepestFirst = directoriesBelow(directory).reverse();
  for (const one of deepestFirst) await rmdir(one).catch(() => {});
}

/** The directory and all below it, parents before children; none when it is not there. */
function directoriesBelow(directory: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
  const children = entries.filter((entry) => entry.isDirectory());
  return [directory, ...children.flatMap(({ name }) => directoriesBelow(join(directory, name)))];
}
