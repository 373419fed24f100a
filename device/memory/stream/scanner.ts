import type { Readable } from 'node:stream';
import type { TrackerName } from '../../../core/chooseTracker.ts';
import type { Peer } from '../../link/connectTls.ts';
import type { Identity } from '../../link/identity.ts';

/** Where the memory goes. */
export interface PageDestination {
  identity: Identity;
  /** The target's id, and where it takes pages. */
  peer: Peer;
  /** What the target expects them under. */
  token: string;
  limitBytesPerSecond: number | null;
}

/** Whose memory is scanned, and how changed pages are found. */
export interface ScannedMemory {
  /** The file that lists the processes. */
  cgroupProcs: string;
  tracker: TrackerName;
  /** The socket of memory-watch; only for `write-protect`. */
  watch: string;
}

/**
 * Who scans the memory of a compute and sends it: the helper memory-source, or a thread. Both understand the same commands,
 * a line each, and say the same things (device/native/src/memory-source.c).
 */
export interface Scanner {
  /** What it finds, while it has no destination. */
  readonly records: Readable;
  /** Sends what it finds there from here on; says `connected`, or an error. */
  connect(destination: PageDestination): void;
  /** Hears what it says, an object a line of memory-source's. To be set at once: nothing is kept. */
  onSaid(hear: (said: unknown) => void): void;
  /** Resolves with why, once it has ended. */
  readonly ended: Promise<string>;
  command(line: string): void;
  /** Ends it. */
  close(): Promise<void>;
}
