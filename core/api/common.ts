import { z } from 'zod';
import { causeSchema } from '../cause.ts';

export const PROBLEM_TYPE = 'application/problem+json';

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

const PROBLEMS = {
  400: 'The request is not what is expected.',
  401: 'Nobody is signed in.',
  403: 'Who asks may not do this.',
  404: 'There is no such thing, or it is not yours.',
  405: 'The path takes other methods; the header Allow has them.',
  409: 'It cannot be done as things stand.',
  410: 'What there was is gone.',
  413: 'The body is too large.',
  415: 'The body is of a kind that is not taken here.',
  422: 'What was sent cannot be made use of.',
  426: 'The connection has to be made a WebSocket; the header Upgrade says so.',
  429: 'Too many requests.',
  502: 'The device could not be asked.',
  503: 'The control plane cannot reach its database or Temporal.',
  504: 'No answer in time.',
} as const;
export type ProblemStatus = keyof typeof PROBLEMS;

/** What a route's `response` says of its refusals and failures: a problem document for each status. */
export function problemAnswers(...statuses: ProblemStatus[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: PROBLEMS[status], content: { [PROBLEM_TYPE]: { schema: problemSchema } } },
    ]),
  );
}

export const referenceSchema = z.object({ id: z.string(), name: z.string() }).meta({ id: 'Reference' });

export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(64).optional(),
});

/** A list's answer. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** Of a POST that started work. */
export const acceptedSchema = z
  .object({ id: z.string(), workflowId: z.string(), runId: z.string() })
  .meta({ id: 'Accepted' });
export type Accepted = z.infer<typeof acceptedSchema>;

/** Id or name of something, in a path. */
export const idOrNameSchema = z.string().min(1).max(128);
