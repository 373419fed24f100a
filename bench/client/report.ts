import { z } from 'zod';

/** What a window of the load client saw, from one `mark` to the next. Times are milliseconds. */
export const loadWindowSchema = z.object({
  type: z.literal('window'),
  /** The longest silence of any connection. */
  gapMs: z.number(),
  /** When it began, since the epoch. */
  gapAt: z.number(),
  requests: z.number().int(),
  /** Answers that said that a page was wrong, or were no answers. */
  wrong: z.number().int(),
  /** The first of them, as they came; empty when none was wrong. */
  firstWrong: z.string(),
  connections: z.number().int(),
  /** Those that were lost in the window, each counted once. */
  lost: z.number().int(),
  /** 99 of 100 requests that were asked in the 5 s after the gap had their answer within this; null when none was. */
  p99AfterMs: z.number().nullable(),
  /** The same of those before the gap. */
  p99BeforeMs: z.number().nullable(),
});
export type LoadWindow = z.infer<typeof loadWindowSchema>;

/** How much the program had worked on its own account at a time. */
const workSampleSchema = z.object({ at: z.number(), work: z.number().int() });
export type WorkSample = z.infer<typeof workSampleSchema>;

/** What the load client says on stdout, one line for each command and one at its start. */
export const loadReportSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('saturated'), requestsPerSecond: z.number() }),
  z.object({ type: z.literal('rate'), requestsPerSecond: z.number() }),
  loadWindowSchema,
  z.object({ type: z.literal('all'), wrongPages: z.number().int() }),
  z.object({ type: z.literal('worked'), samples: z.array(workSampleSchema) }),
  z.object({ type: z.literal('failed'), message: z.string() }),
]);
export type LoadReport = z.infer<typeof loadReportSchema>;
