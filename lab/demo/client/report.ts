import { z } from 'zod';

const connections = z.object({
  opened: z.number().int(),
  /** Those that were never lost. */
  kept: z.number().int(),
});

/** What the client says on stdout, a line each. Times are milliseconds. */
export const clientReportSchema = z.discriminatedUnion('type', [
  /** All connections stand and are talking. */
  z.object({ type: z.literal('ready'), connections: z.number().int(), counter: z.number().int() }),
  /** A wrong answer, or a connection that was lost. The first of them only; all are counted. */
  z.object({ type: z.literal('problem'), connection: z.string(), message: z.string() }),
  /** The longest silence of one connection in the window that ends; `at` is its begin, since the epoch. */
  z.object({ type: z.literal('gap'), connection: z.string(), ms: z.number(), at: z.number() }),
  /** The window that ends with `mark NAME`: what all connections saw in it. */
  z.object({
    type: z.literal('window'),
    name: z.string(),
    /** The longest silence of any connection. */
    gapMs: z.number(),
    requests: z.number().int(),
    errors: z.number().int(),
  }),
  /** All answers are in and agree with each other, or `errors` tells how often not. */
  z.object({
    type: z.literal('end'),
    requests: z.number().int(),
    errors: z.number().int(),
    connections,
    acknowledged: z.number().int(),
    counter: z.number().int(),
    fileCounter: z.number().int(),
  }),
]);
export type ClientReport = z.infer<typeof clientReportSchema>;
export type ClientWindow = Extract<ClientReport, { type: 'window' }>;
export type ClientEnd = Extract<ClientReport, { type: 'end' }>;
