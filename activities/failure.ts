import { ApplicationFailure } from '@temporalio/common';
import { DrayageError } from '../core/cause.ts';
import { toCause } from '../core/toCause.ts';

/** Turns whatever an activity throws into a typed failure: type = the cause's code, details = the cause. */
export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof Error && error.name === 'CancelledFailure') return error;
  const cause = toCause(error);
  return ApplicationFailure.create({
    type: cause.code,
    message: cause.message,
    details: [cause],
    nonRetryable: error instanceof DrayageError && !error.retryable,
    cause: error instanceof Error ? error : undefined,
  });
}

type Activity = (...args: never[]) => Promise<unknown>;

/** Wraps activities so that they throw typed failures only. */
export function withFailures<T extends { [Name in keyof T]: Activity }>(activities: T): T {
  const wrapped = Object.entries<Activity>(activities).map(([name, activity]) => [
    name,
    async (...args: never[]) => {
      try {
        return await activity(...args);
      } catch (error) {
        throw toFailure(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
