import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import type { Cause } from '../core/cause.ts';
import { causeOfSilence } from '../core/causeOfSilence.ts';
import { toCause } from '../core/toCause.ts';

/** The cause inside a failure that reached a workflow. */
export function causeOf(error: unknown): Cause {
  let current: unknown = error;
  while (current instanceof Error) {
    if (current instanceof ApplicationFailure && current.details?.[0]) return current.details[0] as Cause;
    current = current.cause;
  }
  const silent = error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;
  return (silent ? causeOfSilence(error.activityType) : null) ?? toCause(error);
}
