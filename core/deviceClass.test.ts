import { expect, test } from 'vitest';
import type { Inventory } from './device.ts';
import { deviceClass } from './deviceClass.ts';

const device: Inventory = {
  hostname: 'd',
  architecture: 'x64',
  kernel: '6.12.4',
  engine: '28.5.2',
  criu: '4.2.1',
  runc: '1.3.6',
  cgroupVersion: '2',
  cgroupDriver: 'systemd',
  cpuFeatures: ['avx', 'sse'],
  cpus: 2,
  memoryBytes: 1024,
  memoryAvailableBytes: 512,
  diskBytes: 4096,
  diskAvailableBytes: 1024,
  linkAddress: '10.0.0.1:7444',
  version: '0.1.0',
};

test.each<[string, Partial<Inventory>, boolean]>([
  [
    'name, address, room and versions that do not matter',
    { hostname: 'e', memoryAvailableBytes: 1, engine: '29' },
    true,
  ],
  ['the way features are listed', { cpuFeatures: ['sse', 'avx', 'sse'] }, true],
  ['a build of the same CRIU', { criu: '4.2.1-1+b2' }, true],
  ['another kernel that CRIU is new enough for', { kernel: '6.18.1' }, true],
  ['another runc that is new enough', { runc: '1.2.7' }, true],
  ['the architecture', { architecture: 'arm64' }, false],
  ['the version of Drayage', { version: '0.3.0' }, false],
  ['a feature of the CPU', { cpuFeatures: ['avx', 'avx2', 'sse'] }, false],
  ['the version of cgroups', { cgroupVersion: '1' }, false],
  ['CRIU', { criu: '4.3' }, false],
  ['a runc that restores once', { runc: '1.2.6' }, false],
])('devices that differ in %s', (_what, over, same) => {
  expect(JSON.stringify(deviceClass({ ...device, ...over })) === JSON.stringify(deviceClass(device))).toBe(
    same,
  );
});

test('a CRIU that is too old for its kernel makes a class of its own', () => {
  const old = { ...device, criu: '4.1' };
  expect(deviceClass(old).criuTooOldForKernel).toBe(false);
  expect(deviceClass({ ...old, kernel: '6.16.0' }).criuTooOldForKernel).toBe(true);
});
