import type { Readable, Writable } from 'node:stream';
import type { TransferReport, VerdictAnswer, VerdictWish } from '../../core/transfer.ts';
import type { Progress } from '../../core/migration.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { ContainerFacts, Engine } from '../engine/types.ts';
import type { Identity } from '../link/identity.ts';
import type { Peer } from '../link/connectTls.ts';
import type { LinkClient } from '../link/linkClient.ts';
import type { MemorySession, RoundFigures, SessionProgress } from '../memory/stream/memorySession.ts';
import type { Effort } from '../memory/stream/memorySource.ts';
import type { PageStore } from '../memory/pageStore.ts';
import type { ComputeNetwork } from '../network/computeNetwork.ts';
import type { Members } from './members.ts';

/** What the ownership machines ask of the control plane. Every call may fail while it is away; callers repeat. */
export interface ControlPlane {
  ask(transfer: string, role: 'source' | 'target', wants: VerdictWish): Promise<VerdictAnswer>;
  report(transfer: string, outcome: TransferReport): Promise<void>;
  peer(deviceId: string): Promise<Peer>;
  /** Tells how far the memory of a move is. */
  progress(migration: string, progress: Progress): Promise<void>;
}

/** The last difference of one tree of files, from a process that waits for `go`. */
export interface FinalSender {
  root: string;
  go(): void;
  stream: Readable;
  done: Promise<{ bytes: number }>;
  cancel(): Promise<void>;
}

/** The receiving end, waiting too. */
export interface FinalReceiver {
  root: string;
  stream: Writable;
  /** All of it is in place. */
  done: Promise<void>;
  /** All of it is on disk. */
  flushed: Promise<void>;
  cancel(): Promise<void>;
}

/** Moves a compute's files and log; `device/files` behind it. */
export interface FileMover {
  armSenders(migration: string, facts: ContainerFacts, computeId: string): Promise<FinalSender[]>;
  armReceivers(migration: string, facts: ContainerFacts, computeId: string): Promise<FinalReceiver[]>;
  /**
   * Source, shortly before the freeze: what the compute's file systems in memory have changed since the last copy; in the
   * freeze only what they change from here on has to be sent.
   */
  refresh(migration: string, computeId: string, link: LinkClient): Promise<void>;
  /** Mounts whose content moves by this and not by CRIU; see writeCriuConfig. */
  externalMounts(migration: string, computeId: string): ReadonlyMap<string, string>;
  /** What was logged since the last copy. */
  logTail(migration: string, facts: ContainerFacts, computeId: string): Promise<Readable>;
  /** Target, before the container is started: what was logged until the last copy. */
  placeHistory(migration: string, facts: ContainerFacts, computeId: string): Promise<void>;
  /** Forgets what was kept of this migration on this device. */
  forget(migration: string): Promise<void>;
}

/** The memory of computes that leave; `device/memory` behind it. */
export interface MemoryMover {
  /** Null: its memory is copied by CRIU's images, frozen. */
  session(migration: string, computeId: string): MemorySession | null;
  /** One more pass over all computes of the move while they run; null when there is no session. */
  round(
    migration: string,
    round: number,
    effort: Effort,
    progress: (now: SessionProgress) => void,
  ): Promise<RoundFigures | null>;
  close(migration: string): Promise<void>;
}

/** The memory of computes that arrive. */
export interface PageKeeper {
  /** Null when the source has sent none. */
  store(migration: string, computeId: string): PageStore | null;
  /** One that is being filled in is left alone. */
  forget(migration: string, computeId: string): Promise<void>;
}

/** What the members of a transfer stand on. */
export interface MemberDeps {
  runDir: string;
  engine: Engine;
  network: ComputeNetwork;
  files: FileMover;
  memory: MemoryMover;
  pages: PageKeeper;
  log(message: string, detail: Record<string, unknown>): void;
}

/** What the machines stand on. */
export interface TransferDeps {
  runDir: string;
  stateDir: string;
  members: Members;
  memory: Pick<MemoryMover, 'round'>;
  identity: () => Identity;
  control: ControlPlane;
  log(message: string, detail: Record<string, unknown>): void;
}

/** One transfer, as the workflow gives it to both devices. */
export interface TransferRequest {
  transfer: string;
  migration: string;
  group: string;
  /** The epoch that the group has on the target. */
  epoch: number;
  computes: ComputeSpec[];
  /** The other device. */
  peer: Peer;
}
