import { ApplicationFailure } from '@temporalio/common';
import type { Cause } from '../core/cause.ts';
import { toCause } from '../core/toCause.ts';

/** The cause inside a failure that reached a workflow. */
export function causeOf(error: unknown): Cause {
  let current: unknown = error;
  while (current instanceof Error) {
    if (current instanceof ApplicationFailure && current.details?.[0]) return current.details[0] as Cause;
    current = current.cause;
  }
  return toCause(error);
}
