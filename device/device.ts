import type { ComputeUsage } from '../core/checkCompatibility.ts';
import type { ComputeSpec } from '../core/compute.ts';
import type { Inventory } from '../core/device.ts';
import type { Counters } from '../core/metrics.ts';
import type { NetworkRules } from '../core/networkRules.ts';
import type { AppBuilder } from './engine/appBuilder.ts';
import type { Engine } from './engine/types.ts';
import type { Failpoint } from './failpoints.ts';
import type { FileSync } from './files/fileSync.ts';
import type { Identity } from './link/identity.ts';
import type { Leases } from './lease/leases.ts';
import type { PeerLeases } from './lease/peerLeases.ts';
import type { CheckpointStore } from './checkpoints/checkpointStore.ts';
import type { LinkRequest } from './link/linkServer.ts';
import type { MemoryMoves } from './memory/memoryMoves.ts';
import type { PageStores } from './memory/pageStores.ts';
import type { Members } from './ownership/members.ts';
import type { Snapshots } from './snapshots/snapshots.ts';

/** What of a device's network the lifecycle of computes needs. */
export interface DeviceNetwork {
  /** Makes the compute's interface in the sandbox, gate shut. */
  prepare(spec: ComputeSpec, sandboxPid: number): Promise<void>;
  /** Opens the gate: the compute can be reached. */
  open(spec: ComputeSpec, sandboxPid: number): Promise<void>;
  /** Takes the interface away. Nothing there is no error. */
  remove(computeId: string): Promise<void>;
}

/** All that the node worker asks of the machine that it runs on, once it has joined. */
export interface Device {
  engine: Engine;
  builder: AppBuilder;
  network: DeviceNetwork;
  files: Pick<FileSync, 'expect' | 'expects' | 'send' | 'forget'>;
  memory: Pick<MemoryMoves, 'open' | 'round' | 'firstRoundEnding' | 'close'>;
  pages: Pick<PageStores, 'expect' | 'forget' | 'filled'>;
  snapshots: Snapshots;
  /** Checkpoints of other devices' computes. */
  checkpoints: CheckpointStore;
  /** Leases that it gives to others' computes while the control plane is away. */
  peerLeases: PeerLeases;
  /** Shuts what may be started elsewhere once the device is lost. */
  leases: Leases;
  /** Its part in the hot window of a move. */
  members: Members;
  /** What a compute holds here, and what stands against moving it. */
  usage(spec: ComputeSpec): Promise<ComputeUsage>;
  /** What a restore must know of a compute before its dump; null when it does not run. */
  descriptors(computeId: string): Promise<string[] | null>;
  /** Whether somebody runs a program inside a compute that is not of its own processes. */
  hasForeigners(computeId: string): Promise<boolean>;
  /** Ends such programs, whoever started them. */
  endForeigners(computeId: string): Promise<void>;
  /** Gives a compute a share of its processor time; 1 is all of it. */
  throttle(spec: ComputeSpec, share: number): Promise<void>;
  /** Ends a compute that was frozen because its memory could not be filled in: such a one hears no signal. */
  releaseFrozen(computeId: string): Promise<void>;
  /** What the device has used since its start, and uses now. */
  counters(): Promise<Counters>;
  /** The same of a compute; null when it does not run. `diskBytes`: what it has written; null measures that, which costs. */
  computeCounters(computeId: string, diskBytes: number | null): Promise<Counters | null>;
  /** Waits, or does not return, where a drill asks for it. */
  failpoint(point: Failpoint): Promise<void>;
  /** Takes over the rules of the computes' network, unless it has this version of them. */
  followNetwork(version: string): Promise<void>;
  /** Serves a peer's request about files, memory or images. False when it is about something else. */
  serve(request: LinkRequest): Promise<boolean>;
  close(): Promise<void> | void;
}

/** What a device has once it has joined. */
export interface Joining {
  identity: () => Identity;
  /** Names or addresses of the control plane. */
  controlHosts: readonly string[];
  /** The rules of the computes' network; null when the control plane is of a version that has none. */
  fetchNetwork: () => Promise<NetworkRules | null>;
  /** The digest of an image that a peer may have. @throws DrayageError unknownImage when it may not */
  allowedImage: (imageId: string, peer: string) => Promise<string>;
  /** The device whose checkpoints of a compute are kept here; null when they are not. @throws while nobody answers */
  checkpointSource: (computeId: string) => Promise<string | null>;
}

/** The machine before it has joined. */
export interface Machine {
  inventory(): Promise<Inventory>;
  /** Everything that needs to prove who the device is. */
  join(joining: Joining): Promise<Device>;
  /** Another worker may have the machine from here on. */
  release(): Promise<void>;
}
