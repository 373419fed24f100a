import { z } from 'zod';
import { sampleSchema } from '../metrics.ts';

export const metricsQuerySchema = z.object({
  /** How far back, seconds; the further, the coarser. */
  seconds: z.coerce.number().int().min(10).max(86_400).default(600),
});

export const metricsSchema = z
  .object({
    resolutionSeconds: z.number().int(),
    /** Oldest first; a time in which nothing was told has none. */
    items: z.array(sampleSchema.extend({ at: z.iso.datetime() })),
  })
  .meta({ id: 'Metrics' });
export type MetricsView = z.infer<typeof metricsSchema>;
