import { z } from 'zod';
import { causeSchema } from '../cause.ts';

/** An RFC 9457 problem document, with our causes. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    causes: z.array(causeSchema),
    /** Of a 409 because something else is under way: that. */
    running: z.object({ id: z.string(), workflowId: z.string() }).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

export const referenceSchema = z.object({ id: z.string(), name: z.string() });

export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(64).optional(),
});

/** A list's answer. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** Of a POST that started work. */
export const acceptedSchema = z.object({ id: z.string(), workflowId: z.string(), runId: z.string() });
export type Accepted = z.infer<typeof acceptedSchema>;

/** Id or name of something, in a path. */
export const idOrNameSchema = z.string().min(1).max(128);
