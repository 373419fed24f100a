import type { Readable, Writable } from 'node:stream';

/** One directory of a compute that moves: its writable layer (overlay's upper directory), or a named volume. */
export interface FileRoot {
  /** Lower-case letters, digits, hyphens; unique among the roots of a compute. Names the files in `workDir`. */
  name: string;
  /** Absolute path on this device. */
  directory: string;
}

/** The final difference on the source: its process exists already, and waits. */
export interface ArmedDifference {
  /** Starts reading the directory. Call it when nothing writes there any more. */
  go(): void;
  stream: Readable;
  /** Resolves when all of it was read from `stream`; rejects with a DrayageError. */
  done: Promise<{ bytes: number }>;
  /** Ends the process; `done` rejects. Harmless afterwards. */
  cancel(): void;
}

/** The reading side: a full copy, then differences, each relative to the one before. All may run while files change. */
export interface FileSource {
  full(): Readable;
  /** What changed since the last stream that was read to its end. */
  difference(): Readable;
  armFinal(): ArmedDifference;
  /** Ends what runs and removes every file in the work directory that is this source's. */
  close(): Promise<void>;
}

/** The final difference on the target: its processes exist already, and wait for `stream`. */
export interface ArmedExtraction {
  stream: Writable;
  /** Resolves when the files are in place, and visible through the overlay's merged directory. */
  done: Promise<void>;
  /** Resolves when all of it is on disk: a power cut changes nothing any more. */
  flushed: Promise<void>;
  /** Ends the processes; `done` and `flushed` reject. Harmless afterwards. */
  cancel(): void;
}

/** The writing side. The streams must be given in the order in which the source made them. */
export interface FileTarget {
  /** Makes the directory equal to the source's; what was there before and is not in the stream is removed. On disk when resolved. */
  applyFull(stream: Readable): Promise<{ bytes: number }>;
  applyDifference(stream: Readable): Promise<{ bytes: number }>;
  /**
   * @param mergedDir mount point of the overlay whose upper directory this is, if it is mounted already
   *   (nothing may run in it yet).
   */
  armFinal(mergedDir?: string): ArmedExtraction;
  close(): Promise<void>;
}
