import type { Cause } from './cause.ts';
import { decideVersion } from './decideVersion.ts';
import type { Inventory } from './device.ts';
import { type DeviceClass, deviceClass } from './deviceClass.ts';
import { compareVersions } from './compareVersions.ts';

/** What a compute needs and holds, measured on its device. */
export interface ComputeUsage {
  name: string;
  running: boolean;
  /** Bytes of memory in use. */
  memoryBytes: number;
  /** Bytes of writable layer and volumes. */
  diskBytes: number;
  /** What CRIU could not dump. */
  blockers: Cause[];
}

export interface Compatibility {
  action: 'proceed' | 'refuse';
  reason: string;
  causes: Cause[];
}

/** Memory that the target must have free beyond the compute's own: images and copy live side by side for a moment. */
const MEMORY_FACTOR = 2;
const MEMORY_SPARE = 64 * 1024 * 1024;
const DISK_SPARE = 128 * 1024 * 1024;

/** Whether these computes can move from one device to another now, with every reason against it. */
export function checkCompatibility(
  source: Inventory,
  target: Inventory,
  computes: ComputeUsage[],
): Compatibility {
  const causes = [
    ...classCauses(deviceClass(source), deviceClass(target)),
    ...roomCauses(target, computes),
    ...computes.flatMap(computeCauses),
  ];
  if (causes.length === 0) return { action: 'proceed', reason: 'the target can take all of it', causes };
  return { action: 'refuse', reason: causes[0]?.message ?? '', causes };
}

/** Why what runs on a device of one class cannot move to one of another, whatever it is; empty when it can. */
export function classCauses(source: DeviceClass, target: DeviceClass): Cause[] {
  const causes: Cause[] = [];
  const versions = decideVersion(
    { who: 'source', version: source.version },
    { who: 'target', version: target.version },
  );
  if (versions.cause) causes.push(versions.cause);
  if (source.architecture !== target.architecture)
    causes.push({
      code: 'architectureDiffers',
      message: `The target is ${target.architecture}, the compute runs on ${source.architecture}.`,
      mend: 'Choose a target of the same architecture.',
    });
  const lacking = source.cpuFeatures.filter((feature) => !target.cpuFeatures.includes(feature));
  if (source.architecture === target.architecture && lacking.length > 0)
    causes.push({
      code: 'cpuFeaturesLacking',
      message: `The target's CPU lacks ${lacking.slice(0, 5).join(', ')}${lacking.length > 5 ? ` and ${lacking.length - 5} more` : ''}.`,
      mend: 'Choose a target with an equal or newer CPU.',
    });
  if (source.cgroupVersion !== target.cgroupVersion)
    causes.push({
      code: 'cgroupVersionDiffers',
      message: `The target uses cgroup v${target.cgroupVersion}, the source v${source.cgroupVersion}.`,
      mend: 'Boot both devices with the same cgroup version.',
    });
  if (compareVersions(target.criu, source.criu) < 0)
    causes.push({
      code: 'criuOlder',
      message: `The target has CRIU ${target.criu}, the source ${source.criu}.`,
      mend: 'Bring CRIU on the target to the same version.',
    });
  if (target.criuTooOldForKernel)
    causes.push({
      code: 'criuTooOld',
      message: `The target's kernel needs CRIU 4.2 or newer, the target has ${target.criu}.`,
      mend: 'Bring CRIU on the target to 4.2.',
    });
  if (target.runcRestoresOnce)
    causes.push({
      code: 'runcTooOld',
      message: 'The target has a runc before 1.2.7; a compute restored by it could not move again.',
      mend: 'Bring runc on the target to 1.2.7 or newer.',
    });
  return causes;
}

/** `classCauses` by the classes' ids. Each two are compared once, when they are asked for; one that is not known fits. */
export function betweenClasses(
  classes: ReadonlyMap<string, DeviceClass>,
): (source: string, target: string) => Cause[] {
  const known = new Map<string, Cause[]>();
  return (source, target) => {
    const key = `${source} ${target}`;
    const [from, to] = [classes.get(source), classes.get(target)];
    const causes = known.get(key) ?? (from && to ? classCauses(from, to) : []);
    known.set(key, causes);
    return causes;
  };
}

function roomCauses(target: Inventory, computes: ComputeUsage[]): Cause[] {
  const causes: Cause[] = [];
  const memory = sum(computes, ({ memoryBytes }) => memoryBytes) * MEMORY_FACTOR + MEMORY_SPARE;
  const disk = sum(computes, ({ diskBytes }) => diskBytes) + DISK_SPARE;
  if (memory > target.memoryAvailableBytes)
    causes.push({
      code: 'memoryLacking',
      message: `The move needs ${mib(memory)} MiB of memory on the target, ${mib(target.memoryAvailableBytes)} MiB are free.`,
      mend: 'Stop or move something there, or choose another target.',
    });
  if (disk > target.diskAvailableBytes)
    causes.push({
      code: 'diskLacking',
      message: `The move needs ${mib(disk)} MiB of disk on the target, ${mib(target.diskAvailableBytes)} MiB are free.`,
      mend: 'Remove images or volumes there, or choose another target.',
    });
  return causes;
}

function computeCauses({ name, running, blockers }: ComputeUsage): Cause[] {
  if (running) return blockers;
  return [
    {
      code: 'computeNotRunning',
      message: `Compute ${name} does not run.`,
      mend: 'Start it first; only a running compute can be moved live.',
    },
  ];
}

function sum<T>(items: T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
