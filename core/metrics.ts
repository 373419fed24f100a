import { z } from 'zod';
import { idSchema } from './ids.ts';

const amount = z.number().min(0);

/** What a device or a compute uses: amounts as of now, rates over the seconds since the sample before. */
export const sampleSchema = z.object({
  /** Processors in use, e.g. 0.5. */
  cpus: amount,
  /** Without what the kernel can take back at once. */
  memoryBytes: amount,
  /** Of a device, what its engine's file system holds; of a compute, what it has written. */
  diskBytes: amount,
  receivedBytesPerSecond: amount,
  sentBytesPerSecond: amount,
});
export type Sample = z.infer<typeof sampleSchema>;

/** What a device tells every ten seconds. */
export const metricsReportSchema = z.object({
  device: sampleSchema,
  computes: z.array(z.object({ id: idSchema('compute'), sample: sampleSchema })).max(10_000),
});
export type MetricsReport = z.infer<typeof metricsReportSchema>;

/** What only grows, as it was read at a moment; amounts go through as they are. */
export interface Counters {
  /** Monotonic clock, milliseconds. */
  atMs: number;
  cpuSeconds: number;
  receivedBytes: number;
  sentBytes: number;
  memoryBytes: number;
  diskBytes: number;
}

/** Between two readings. A counter that has fallen began anew (the program was started again): it counts from zero. */
export function sampleBetween(before: Counters, after: Counters): Sample {
  const seconds = (after.atMs - before.atMs) / 1000;
  const rate = (of: 'cpuSeconds' | 'receivedBytes' | 'sentBytes') => {
    const grown = after[of] >= before[of] ? after[of] - before[of] : after[of];
    return seconds > 0 ? grown / seconds : 0;
  };
  return {
    cpus: rate('cpuSeconds'),
    memoryBytes: after.memoryBytes,
    diskBytes: after.diskBytes,
    receivedBytesPerSecond: rate('receivedBytes'),
    sentBytesPerSecond: rate('sentBytes'),
  };
}

/** Means over so many seconds each, kept for so long: the older, the coarser. */
export const RESOLUTIONS = [
  { seconds: 10, keptSeconds: 3_600 },
  { seconds: 60, keptSeconds: 6 * 3_600 },
  { seconds: 600, keptSeconds: 24 * 3_600 },
] as const;

/** The finest resolution that reaches so far back; the coarsest when none does. */
export function resolutionFor(backSeconds: number): number {
  const fine = RESOLUTIONS.find(({ keptSeconds }) => keptSeconds >= backSeconds);
  return (fine ?? RESOLUTIONS[2]).seconds;
}
