import type { Readable } from 'node:stream';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Limits } from '../../core/observed.ts';
import type { Tmpfs } from '../../core/tmpfs.ts';

/** A container that owns a compute's network namespace. */
export interface Sandbox {
  containerId: string;
  /** Host pid of its only process; `/proc/<pid>/ns/net` is the compute's network namespace. */
  pid: number;
}

/** What the hot window has to know of a compute's container on this device; gathered before the freeze. */
export interface ContainerFacts {
  computeId: string;
  containerId: string;
  state: 'created' | 'running' | 'paused' | 'exited' | 'dead';
  /** Host pid of the container's init; 0 when it does not run. */
  pid: number;
  exitCode: number;
  /** Where the engine writes stdout and stderr (json-file driver), or will once the container starts. */
  logPath: string;
  /** The writable layer: overlay's upper directory, and the merged mount point. */
  upperDir: string;
  mergedDir: string;
  /** Named volumes: their directory on this device. */
  volumes: { name: string; directory: string }[];
  /** Its file systems in memory, as it asked for them. */
  tmpfs: Tmpfs[];
  /** runc's state root for this container, e.g. /run/docker/runtime-runc/moby; found, not assumed. Empty when the container never ran. */
  runcRoot: string;
  /** OCI bundle directory (holds config.json). Null when the container does not run. */
  bundle: string | null;
}

/** What a program wrote. */
export interface LogChunk {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

/** A compute that has a container on this device. */
export interface ListedCompute {
  computeId: string;
  /** As its container was made: what was changed since is the control plane's to say. */
  spec: ComputeSpec;
  running: boolean;
  paused: boolean;
  /** As the engine had them when it was asked last; null before that. */
  limits: Limits | null;
}

/** One line of a compute's log, or a part of a very long one. */
export interface LoggedChunk extends LogChunk {
  /** RFC 3339 with nanoseconds, by this device's clock or that of an earlier one. */
  time?: string;
}

export interface LogOptions {
  follow: boolean;
  /** Only so many last lines. */
  tail?: number | undefined;
  /** Only what was logged from then on: seconds since 1970, with up to nine decimals. */
  since?: string | undefined;
  signal: AbortSignal;
}

export interface ExecSession {
  /** Joined stdin, stdout, stderr of a TTY; without one, output comes demultiplexed through `onOutput`. */
  write(data: Buffer): void;
  closeStdin(): void;
  onOutput(listener: (chunk: LogChunk) => void): void;
  /** Holds the output back, so that a slow reader bounds what waits in memory. */
  pause(): void;
  resume(): void;
  /** Ends the program, as for a reader that went away: what it has started may go on. */
  kill(): Promise<void>;
  /** Ends the program and all that it has started; resolves when that is done. */
  end(): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Resolves with the exit code. */
  done: Promise<number>;
}

export interface ContainerExit {
  computeId: string;
  containerId: string;
  exitCode: number;
  /** It was asked to end, through us or through the engine (`docker stop`, `docker kill`): no restart. */
  requested: boolean;
  /** How long it ran, milliseconds. */
  ranMs: number;
  /** When it ended, RFC 3339. */
  at: string;
  /** The kernel ended it for want of memory. */
  oom: boolean;
}

/**
 * What Drayage asks of the container engine (Docker). Every call is idempotent: asked twice, it finds its own work
 * and returns the same. Containers are found by their labels (`drayage.compute`, `drayage.role` = compute | sandbox).
 */
export interface Engine {
  /** Loads an image archive in `docker save` form; resolves when the engine has it. Verifies that `digest` came out of it. */
  loadImage(archive: Readable, digest: string): Promise<void>;
  hasImage(digest: string): Promise<boolean>;
  /** The image as `docker save` gives it. */
  saveImage(digest: string): Promise<Readable>;
  /** All images, each with the digests of its unpacked layers, the lowest first. */
  listImages(): Promise<{ digest: string; layers: string[] }[]>;

  /** Makes and starts the sandbox, with no network at all: the veth is `device/network`'s, so no restart can open it. */
  ensureSandbox(spec: ComputeSpec): Promise<Sandbox>;
  /** Makes the compute's container, joined to the sandbox's network namespace, runtime `drayage`; does not start it. */
  createCompute(spec: ComputeSpec): Promise<string>;
  startCompute(computeId: string): Promise<void>;
  /** SIGTERM, after `graceSeconds` SIGKILL. */
  stopCompute(computeId: string, graceSeconds: number): Promise<void>;
  /** Removes compute and sandbox containers; with `volumes`, their named volumes too. Nothing there is no error. */
  removeCompute(computeId: string, options: { volumes: boolean }): Promise<void>;
  /** Null when this device has no container of that compute. */
  facts(computeId: string): Promise<ContainerFacts | null>;
  sandbox(computeId: string): Promise<Sandbox | null>;
  /** Ids of all computes that have a container here. */
  listComputes(): Promise<ListedCompute[]>;
  /** Gives the compute's container the limits of the spec, running or not. Nothing there is no error. */
  updateLimits(spec: ComputeSpec): Promise<void>;
  /** Sends a signal to the compute's processes. */
  kill(computeId: string, signal: string): Promise<void>;

  /** Resolves once the log is open, which may be long before its first line. */
  logs(computeId: string, options: LogOptions): Promise<AsyncIterable<LoggedChunk>>;
  exec(computeId: string, command: string[], options: { tty: boolean; stdin: boolean }): Promise<ExecSession>;
  /**
   * Calls back when a compute's process has ended; for each end once, also for those while nobody watched (this worker
   * or the engine was away). Reconnects to the engine when it restarts.
   */
  watchExits(listener: (exit: ContainerExit) => void, signal: AbortSignal): void;
}
