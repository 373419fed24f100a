import { z } from 'zod';

/** Why something was refused or failed, and what a person can do about it. Part of every problem document and record. */
export const causeSchema = z
  .object({
    /** Stable, machine readable, camelCase. */
    code: z.string(),
    /** What is wrong, one sentence. */
    message: z.string(),
    /** What would help, one sentence. */
    mend: z.string(),
  })
  .meta({ id: 'Cause' });

export type Cause = z.infer<typeof causeSchema>;

/** A failure with a cause and a mend; `device/` and `db/` throw it, activities and routes translate it. */
export class DrayageError extends Error {
  readonly cause_: Cause;
  /** Whether trying the same again can help. */
  readonly retryable: boolean;

  constructor(cause: Cause, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(`${cause.message} ${cause.mend}`.trim(), { cause: options.cause });
    this.name = 'DrayageError';
    this.cause_ = cause;
    this.retryable = options.retryable ?? false;
  }
}

/** A refusal with several causes, or with what is under way. */
export class RefusedError extends DrayageError {
  readonly causes: [Cause, ...Cause[]];
  readonly running: { id: string; workflowId: string } | undefined;

  constructor(causes: [Cause, ...Cause[]], running?: { id: string; workflowId: string }) {
    super(causes[0]);
    this.name = 'RefusedError';
    this.causes = causes;
    this.running = running;
  }
}
