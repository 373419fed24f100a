import type { Cause } from './cause.ts';
import type { ComputeUsage } from './checkCompatibility.ts';

export interface SnapshotDecision {
  action: 'proceed' | 'refuse';
  reason: string;
  causes: Cause[];
}

/** Left to the device beside the images of a dump, which lie in its memory until they were sent. Bytes. */
const SPARE_BYTES = 64 * 2 ** 20;

/** Whether a snapshot of a compute can be made now on its device, which has so many bytes of memory left. */
export function decideSnapshot(usage: ComputeUsage, memoryAvailableBytes: number): SnapshotDecision {
  const causes = causesAgainst(usage, memoryAvailableBytes);
  if (causes.length === 0) return { action: 'proceed', reason: 'nothing speaks against it', causes };
  return { action: 'refuse', reason: causes[0]?.message ?? '', causes };
}

function causesAgainst({ name, running, memoryBytes, blockers }: ComputeUsage, available: number): Cause[] {
  if (!running) return [notRunning(name)];
  const needed = memoryBytes + SPARE_BYTES;
  return [...blockers.map(inWordsOfSnapshots), ...(needed > available ? [noRoom(needed, available)] : [])];
}

/** What CRIU cannot dump stands against a move too, and is said in its words. */
export function inWordsOfSnapshots(cause: Cause): Cause {
  if (cause.code !== 'execOpen') return cause;
  const mend = 'End that command and try again, or have the snapshot end it: `--end-sessions`.';
  return { ...cause, mend };
}

function notRunning(name: string): Cause {
  return {
    code: 'computeNotRunning',
    message: `Compute ${name} does not run.`,
    mend: 'Start it first; only of a running compute a snapshot can be made.',
  };
}

function noRoom(needed: number, available: number): Cause {
  const [needs, has] = [needed, available].map((bytes) => String(Math.round(bytes / 2 ** 20)));
  return {
    code: 'memoryLacking',
    message: `The snapshot needs ${needs} MiB of memory on the compute's device for a moment, ${has} MiB are free.`,
    mend: 'Stop or move something there, or move the compute to a device with more memory first.',
  };
}
