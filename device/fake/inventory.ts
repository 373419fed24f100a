import type { Inventory } from '../../core/device.ts';
import { Random } from './random.ts';

const GIB = 2 ** 30;

type Kind = Pick<
  Inventory,
  'architecture' | 'kernel' | 'criu' | 'runc' | 'cgroupVersion' | 'cgroupDriver' | 'cpuFeatures' | 'cpus'
> & { memoryGiB: number; diskGiB: number };

const X64 = ['aes', 'avx', 'avx2', 'sse4_1', 'sse4_2'];
const ARM64 = ['aes', 'asimd', 'crc32', 'fp', 'sha2'];

/**
 * Kinds of edge devices; within one a compute may move anywhere. `fake`: a compute that began on one of these never fits a
 * real device, nor the other way round.
 */
const KINDS: readonly [Kind, ...Kind[]] = [
  {
    ...{ architecture: 'x64', kernel: '6.12.48', criu: '4.2.1', runc: '1.3.6' },
    ...{ cgroupVersion: '2', cgroupDriver: 'systemd', cpuFeatures: [...X64, 'fake'] },
    ...{ cpus: 8, memoryGiB: 16, diskGiB: 256 },
  },
  {
    ...{ architecture: 'x64', kernel: '6.17.9', criu: '4.2.1', runc: '1.3.6' },
    ...{ cgroupVersion: '2', cgroupDriver: 'systemd', cpuFeatures: [...X64, 'avx512f', 'fake'] },
    ...{ cpus: 16, memoryGiB: 32, diskGiB: 512 },
  },
  {
    ...{ architecture: 'arm64', kernel: '6.12.47', criu: '4.2.1', runc: '1.3.6' },
    ...{ cgroupVersion: '2', cgroupDriver: 'systemd', cpuFeatures: [...ARM64, 'fake'] },
    ...{ cpus: 4, memoryGiB: 8, diskGiB: 64 },
  },
  {
    ...{ architecture: 'arm64', kernel: '6.6.63', criu: '4.1', runc: '1.3.0' },
    ...{ cgroupVersion: '1', cgroupDriver: 'cgroupfs', cpuFeatures: [...ARM64, 'fake'] },
    ...{ cpus: 4, memoryGiB: 4, diskGiB: 32 },
  },
];

/** What device number `index` (from 0) says of itself; of four neighbours each is another kind. Amounts are those of an idle one. */
export function fakeInventory(
  index: number,
  { name, linkAddress, version }: { name: string; linkAddress: string; version: string },
): Inventory {
  const { memoryGiB, diskGiB, ...kind } = KINDS[index % KINDS.length] ?? KINDS[0];
  const random = new Random(name);
  return {
    ...kind,
    hostname: name,
    engine: '28.5.2',
    memoryBytes: memoryGiB * GIB,
    memoryAvailableBytes: Math.round(memoryGiB * GIB * random.between(0.7, 0.95)),
    diskBytes: diskGiB * GIB,
    diskAvailableBytes: Math.round(diskGiB * GIB * random.between(0.4, 0.9)),
    linkAddress,
    version,
  };
}
