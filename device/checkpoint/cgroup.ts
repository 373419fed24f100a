import { readFile } from 'node:fs/promises';

/** A process's directory in the hierarchy of one controller. */
export interface Cgroup {
  version: 1 | 2;
  directory: string;
}

/** Where a controller has a process, whichever cgroup version the device runs; null when it has none. */
export async function findCgroup(pid: number, controller: string): Promise<Cgroup | null> {
  const [memberships, mounts] = await Promise.all([
    readFile(`/proc/${pid}/cgroup`, 'utf8'),
    readFile('/proc/self/mountinfo', 'utf8'),
  ]);
  return locateCgroup(memberships, mounts, controller);
}

/**
 * The directory from /proc/PID/cgroup (`id:controllers:path`) and /proc/self/mountinfo (proc(5)).
 * A controller of version 1 wins over a unified hierarchy beside it, as runc does in hybrid mode.
 */
export function locateCgroup(memberships: string, mountinfo: string, controller: string): Cgroup | null {
  const paths = memberships
    .trim()
    .split('\n')
    .map((line) => {
      const [, controllers = '', ...path] = line.split(':');
      return { controllers: controllers.split(','), path: path.join(':') };
    });
  const mounts = mountinfo
    .trim()
    .split('\n')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [, , , root = '/', point = ''] = left.split(' ');
      const [type = '', , options = ''] = right.split(' ');
      return { root, point, type, options: options.split(',') };
    });
  const directory = (mount: { root: string; point: string } | undefined, path: string) =>
    mount && `${mount.point}${mount.root === '/' ? path : path.slice(mount.root.length)}`;

  const v1 = paths.find(({ controllers }) => controllers.includes(controller));
  if (v1) {
    const found = directory(
      mounts.find((mount) => mount.type === 'cgroup' && mount.options.includes(controller)),
      v1.path,
    );
    if (found) return { version: 1, directory: found };
  }
  const v2 = paths.find(({ controllers }) => controllers[0] === '');
  const found =
    v2 &&
    directory(
      mounts.find((mount) => mount.type === 'cgroup2'),
      v2.path,
    );
  return found ? { version: 2, directory: found } : null;
}
