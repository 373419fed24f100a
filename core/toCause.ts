import { DrayageError, type Cause } from './cause.ts';

/** The cause for a record, from whatever was thrown: a DrayageError's own, or `unexpected` with the message. */
export function toCause(error: unknown): Cause {
  if (error instanceof DrayageError) return error.cause_;
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'unexpected', message, mend: 'This should not happen: see the log of the device.' };
}
