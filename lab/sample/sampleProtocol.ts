import { z } from 'zod';

/** The sample application's command in its image. */
export const SAMPLE_COMMAND = ['/bin/sample'];

/** Lines: `inc SEQ`, `get SEQ`, answered with `SEQ COUNTER`; `push SEQ`: lines come unasked from then on. */
export const SAMPLE_LINE_PORT = 7000;
export const SAMPLE_HTTP_PORT = 8080;

/** The counter is written to its file every so many counts, so that the file is behind it by less. */
export const SAMPLE_WRITE_EVERY = 50;
export const SAMPLE_COUNTER_FILE = '/data/counter';

/** What `GET /` answers. */
export const sampleStatusSchema = z.object({
  counter: z.number().int().nonnegative(),
  /** What the file on disk holds. */
  fileCounter: z.number().int().nonnegative(),
  /** Requests answered since the start of the process. */
  requests: z.number().int().nonnegative(),
  pid: z.number().int().positive(),
  /** The process's own monotonic clock, milliseconds. */
  monotonicMs: z.number(),
});
export type SampleStatus = z.infer<typeof sampleStatusSchema>;

/** The command of a sample with more memory than it needs, some of it written to all the time. */
export function sampleCommand(memoryMb: number, dirtyPagesPerSecond: number): string[] {
  return [...SAMPLE_COMMAND, String(memoryMb), String(dirtyPagesPerSecond)];
}
