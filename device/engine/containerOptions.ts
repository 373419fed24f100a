import type { ContainerCreateOptions as DockerodeOptions, HostConfig } from 'dockerode';
import {
  computeSpecSchema,
  type ComputeSpec,
  DEFAULT_PIDS,
  WITHHELD_CAPABILITIES,
} from '../../core/compute.ts';
import type { Limits } from '../../core/observed.ts';
import { isShm, tmpfsOf } from '../../core/tmpfs.ts';

/** Of the engine's API 1.43 and later; not in the types of dockerode yet. */
export type ContainerCreateOptions = DockerodeOptions & {
  HostConfig: HostConfig & { Annotations?: Record<string, string> };
};

/** The labels by which Drayage's containers are found; the engine's own record of them is the only one on a device. */
export const Label = {
  compute: 'drayage.compute',
  role: 'drayage.role',
  spec: 'drayage.spec',
} as const;

export type Role = 'compute' | 'sandbox' | 'volume';

/** Image of the sandbox; made on the device from its own busybox. */
export const SANDBOX_IMAGE = 'drayage/sandbox:1';

/** A program that only sleeps: 2 MB of busybox, and what runc needs while it starts it. */
const SANDBOX_MEMORY_BYTES = 16 * 1024 * 1024;
const SANDBOX_PIDS = 16;

/** The log's rotation; logHistory's MAXIMUM_HISTORY_BYTES is the product. */
const LOG_FILE_SIZE = '10m';
const LOG_FILES = '3';

export function containerName(computeId: string, role: 'compute' | 'sandbox'): string {
  return role === 'sandbox' ? `drayage-${computeId}-sandbox` : `drayage-${computeId}`;
}

/** Docker's name of a compute's volume. */
export function volumeName(computeId: string, name: string): string {
  return `drayage-${computeId}-${name}`;
}

/** Docker's query for the containers of one compute, or of all. */
export function labelFilter(role: 'compute' | 'sandbox', computeId?: string): string[] {
  return [`${Label.role}=${role}`, ...(computeId ? [`${Label.compute}=${computeId}`] : [])];
}

/** The spec a compute's container was made from; null when it bears none that can be read. */
export function readSpec(labels: Record<string, string>): ComputeSpec | null {
  try {
    return computeSpecSchema.parse(JSON.parse(labels[Label.spec] ?? ''));
  } catch {
    return null;
  }
}

/** The container that owns a compute's network namespace: no network, no capabilities, nothing but a sleep. */
export function sandboxOptions(spec: ComputeSpec): ContainerCreateOptions {
  return {
    name: containerName(spec.id, 'sandbox'),
    Image: SANDBOX_IMAGE,
    Hostname: spec.name,
    // The first process ignores SIGTERM, which would only make a stop wait.
    StopSignal: 'SIGKILL',
    Labels: { [Label.compute]: spec.id, [Label.role]: 'sandbox' },
    HostConfig: {
      NetworkMode: 'none',
      // The compute shares the sandbox's /etc/hosts, and so knows its own name.
      ExtraHosts: [`${spec.name}:${spec.address.ip}`],
      RestartPolicy: { Name: 'no' },
      Memory: SANDBOX_MEMORY_BYTES,
      MemorySwap: SANDBOX_MEMORY_BYTES,
      PidsLimit: SANDBOX_PIDS,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'none', Config: {} },
    },
  };
}

/**
 * The compute's container. Seccomp and namespaces stay Docker's defaults, some of its capabilities are withheld; the restart
 * policy is Drayage's to apply.
 */
export function computeOptions(
  spec: ComputeSpec,
  sandboxId: string,
  criuConfig: string,
): ContainerCreateOptions {
  return {
    name: containerName(spec.id, 'compute'),
    Image: spec.image.digest,
    ...(spec.command ? { Cmd: spec.command } : {}),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: { [Label.compute]: spec.id, [Label.role]: 'compute', [Label.spec]: JSON.stringify(spec) },
    HostConfig: {
      Runtime: 'drayage',
      NetworkMode: `container:${sandboxId}`,
      RestartPolicy: { Name: 'no' },
      Annotations: { 'org.criu.config': criuConfig },
      LogConfig: { Type: 'json-file', Config: { 'max-size': LOG_FILE_SIZE, 'max-file': LOG_FILES } },
      ...limitOptions(spec),
      CapDrop: WITHHELD_CAPABILITIES.filter((name) => !spec.capabilities.includes(name)),
      ...tmpfsOptions(spec),
      Mounts: spec.volumes.map(({ name, path }) => ({
        Type: 'volume' as const,
        Source: volumeName(spec.id, name),
        Target: path,
      })),
    },
  };
}

/** The limits of a compute, as the engine takes them for a container that is made or changed. */
export function limitOptions(
  spec: ComputeSpec,
): Pick<HostConfig, 'Memory' | 'MemorySwap' | 'PidsLimit' | 'NanoCpus'> {
  return {
    // Swapped pages would have to be read back in the freeze.
    ...(spec.memoryBytes ? { Memory: spec.memoryBytes, MemorySwap: spec.memoryBytes } : {}),
    ...(spec.cpus ? { NanoCpus: Math.round(spec.cpus * 1e9) } : {}),
    PidsLimit: spec.pids ?? DEFAULT_PIDS,
  };
}

/** The limits that the engine has for a container. */
export function limitsOf({ Memory, NanoCpus, PidsLimit }: HostConfig): Limits {
  return {
    memoryBytes: Memory || null,
    cpus: NanoCpus ? NanoCpus / 1e9 : null,
    pids: PidsLimit && PidsLimit > 0 ? PidsLimit : null,
  };
}

/** Their sizes are said, for they must be the same on every device. */
function tmpfsOptions(spec: ComputeSpec): Pick<HostConfig, 'ShmSize' | 'Tmpfs'> {
  const all = tmpfsOf(spec);
  const Tmpfs = Object.fromEntries(
    all.filter((one) => !isShm(one)).map(({ path, sizeBytes }) => [path, `size=${sizeBytes}`]),
  );
  return { ShmSize: all.find(isShm)?.sizeBytes ?? 0, Tmpfs };
}
