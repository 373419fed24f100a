import type { Readable } from 'node:stream';

/**
 * Who scans the memory of a compute: the helper memory-source, or a thread. Both understand the same commands, a line each,
 * and say the same things (device/native/src/memory-source.c).
 */
export interface Scanner {
  readonly records: Readable;
  /** Hears what it says, an object a line of memory-source's. To be set at once: nothing is kept. */
  onSaid(hear: (said: unknown) => void): void;
  /** Resolves with why, once it has ended. */
  readonly ended: Promise<string>;
  command(line: string): void;
  /** Ends it. */
  close(): Promise<void>;
}
