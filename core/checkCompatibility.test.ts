import { expect, test } from 'vitest';
import { checkCompatibility, type ComputeUsage } from './checkCompatibility.ts';
import type { Inventory } from './device.ts';

const MIB = 1024 * 1024;
const device: Inventory = {
  hostname: 'd',
  architecture: 'x64',
  kernel: '6.18.4',
  engine: '28.5.2',
  criu: '4.2.1',
  runc: '1.3.6',
  cgroupVersion: '1',
  cgroupDriver: 'cgroupfs',
  cpuFeatures: ['avx', 'sse'],
  cpus: 2,
  memoryBytes: 1024 * MIB,
  memoryAvailableBytes: 512 * MIB,
  diskBytes: 4096 * MIB,
  diskAvailableBytes: 1024 * MIB,
  linkAddress: '10.0.0.1:7444',
  version: '0.1.0',
};
const usage: ComputeUsage = { name: 'c', running: true, memoryBytes: 10 * MIB, diskBytes: MIB, blockers: [] };
const blocker = { code: 'ioUring', message: 'm', mend: 'n' };

test.each<[string, Partial<Inventory>, Partial<ComputeUsage>, string[]]>([
  ['an equal device takes it', {}, {}, []],
  ['a newer CPU takes it', { cpuFeatures: ['avx', 'avx2', 'sse'] }, {}, []],
  ['another architecture does not', { architecture: 'arm64' }, {}, ['architectureDiffers']],
  ['an older CPU does not', { cpuFeatures: ['sse'] }, {}, ['cpuFeaturesLacking']],
  ['another cgroup version does not', { cgroupVersion: '2' }, {}, ['cgroupVersionDiffers']],
  ['an older CRIU does not', { criu: '4.2' }, {}, ['criuOlder']],
  ['a newer CRIU does', { criu: '4.10' }, {}, []],
  ['CRIU before 4.2 on a new kernel does not', { criu: '4.1' }, {}, ['criuOlder', 'criuTooOld']],
  ['a runc that restores once only does not', { runc: '1.2.6' }, {}, ['runcTooOld']],
  ['a device of the next version does', { version: '0.2.0' }, {}, []],
  ['one of the version after that does not', { version: '0.3.0' }, {}, ['versionsApart']],
  ['too little memory does not', { memoryAvailableBytes: 80 * MIB }, {}, ['memoryLacking']],
  ['too little disk does not', { diskAvailableBytes: 100 * MIB }, {}, ['diskLacking']],
  [
    'every reason is told',
    { architecture: 'arm64', diskAvailableBytes: 0 },
    {},
    ['architectureDiffers', 'diskLacking'],
  ],
  ['a stopped compute cannot', {}, { running: false }, ['computeNotRunning']],
  ['what CRIU cannot dump cannot', {}, { blockers: [blocker] }, ['ioUring']],
])('%s', (_name, target, compute, codes) => {
  const { action, causes } = checkCompatibility(device, { ...device, ...target }, [{ ...usage, ...compute }]);
  expect(causes.map(({ code }) => code)).toEqual(codes);
  expect(action).toBe(codes.length === 0 ? 'proceed' : 'refuse');
});

test('a group needs room for all of its computes', () => {
  const { causes } = checkCompatibility(device, device, [
    { ...usage, memoryBytes: 150 * MIB },
    { ...usage, memoryBytes: 150 * MIB },
  ]);
  expect(causes.map(({ code }) => code)).toEqual(['memoryLacking']);
});
