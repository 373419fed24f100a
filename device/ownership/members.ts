import type { Readable, Writable } from 'node:stream';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Manifest, Neighbour } from '../../core/linkMessages.ts';
import type { LinkClient } from '../link/linkClient.ts';
import type { TransferRequest } from './ports.ts';

/** Opens a stream to the target, below this transfer's path. */
export type OpenStream = (path: string) => Writable;

/** One compute of a group on its source device, while it moves: what `SourceTransfer` orders, step by step. */
export interface SourcePart {
  readonly spec: ComputeSpec;
  /** Bytes of images and memory given to the link. */
  readonly sent: number;
  /** Starts every process that the hot window needs. @throws DrayageError, with all of it ended again */
  arm(): Promise<void>;
  /** Recovery: finds the frozen processes again; nothing is dumped any more. */
  relocate(): Promise<void>;
  /** Sends what would else have to be sent frozen. @throws DrayageError when the compute was started anew since `arm` */
  refresh(link: LinkClient): Promise<void>;
  /** The last pass over the memory begins at once, beside all that follows. */
  freeze(): Promise<void>;
  /** Whether the compute's processes exist and are frozen. */
  frozen(): Promise<boolean>;
  /** Whom it talks to on its own network. */
  neighbours(): Promise<Neighbour[]>;
  /** Nothing that it still says is heard. */
  mute(): Promise<void>;
  /** Off its network. */
  detach(): Promise<void>;
  /** Resolves with the manifest's part when all but changed memory is on its way. */
  send(open: OpenStream, onDumped: () => void): Promise<Manifest['computes'][number]>;
  /** After `send`: the target has all of the memory. */
  memorySent(): Promise<void>;
  /** Tells the target which connections of the compute to the outside live on this device, or one before it. */
  sendFlows(link: LinkClient): Promise<void>;
  /** The whole rollback: on the network, running, nothing of the attempt left. */
  thaw(): Promise<void>;
  /** Past the commit point: off the network for good, then ended without running one more instruction. */
  kill(): Promise<void>;
  /** After `kill`, for a source that nobody tells: its containers, volumes and what was kept of its files go too. */
  clear(): Promise<void>;
  /** Ends the helpers and removes the images; the compute itself is left as it is. */
  disarm(): Promise<void>;
}

/** One compute of a group on its target device, while it moves: what `TargetTransfer` orders. */
export interface TargetPart {
  readonly spec: ComputeSpec;
  /** Starts every process that the hot window needs, plugs the network. `hold`: a file that filling waits for. */
  arm(descriptors: string[], hold: string | null): Promise<void>;
  announce(neighbours: Neighbour[]): Promise<void>;
  receiveImage(name: string, stream: Readable): Promise<void>;
  receiveFiles(root: string, stream: Readable): Promise<void>;
  receiveLog(stream: Readable): Promise<void>;
  /** Connections to the outside that live on another device: from now on their packets go there. */
  receiveFlows(stream: Readable): Promise<void>;
  /** Resolves when the processes run behind shut queues and every file is on disk; `arrived` once everything is here. */
  restore(manifest: Manifest['computes'][number], arrived: () => Promise<void>): Promise<void>;
  /** Leaves a mark that this copy is complete; it ends with the copy at a reboot. */
  markReady(): Promise<void>;
  /** Recovery: whether a complete, shut copy of an earlier worker's restore is still here. */
  relocate(): Promise<boolean>;
  /** After a long hold: out of the network until the end is known. */
  withdraw(): Promise<void>;
  attach(): Promise<void>;
  /** Past the commit point: lets everything that waits go. */
  open(): Promise<void>;
  /** The compute serves: clears what the arrival needed. */
  settle(): Promise<void>;
  /** Ends the copy and all that was prepared for it. Nothing there is no error. */
  discard(): Promise<void>;
}

/** Makes a device's part in the move of one compute. */
export interface Members {
  source(request: TransferRequest, spec: ComputeSpec): SourcePart;
  target(request: TransferRequest, spec: ComputeSpec): TargetPart;
}
