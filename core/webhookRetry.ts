/** Before the first repetition, milliseconds: a receiver that is being started anew is back by then. */
const FIRST_DELAY_MS = 1_000;
const FACTOR = 3;
const LONGEST_DELAY_MS = 3_600_000;
/** A delay is drawn from this share of it to the whole, so that many webhooks of one receiver do not come back at once. */
const LEAST_SHARE = 0.5;
/** An event that was not taken for this long ends its webhook; events are kept longer (7 days), so none is missed by then. */
export const GIVE_UP_AFTER_HOURS = 72;

/** What became of one attempt to deliver an event. */
export type Attempt =
  | {
      outcome: 'answered';
      status: number;
      /** How long the receiver wants to be left alone, milliseconds; without it, it does not say. */
      retryAfterMs?: number;
    }
  /** No answer: the reason, in a sentence. */
  | { outcome: 'failed'; reason: string };

export type DeliveryDecision =
  | { action: 'delivered'; reason: string }
  | { action: 'retry'; afterMs: number; reason: string }
  | { action: 'disable'; reason: string };

/** Whether the receiver took the event. Redirects are not followed, so they are no success. */
export function wasTaken(attempt: Attempt): boolean {
  return attempt.outcome === 'answered' && attempt.status >= 200 && attempt.status < 300;
}

/** An attempt's outcome in a sentence. */
export function attemptWords(attempt: Attempt): string {
  return attempt.outcome === 'failed' ? attempt.reason : `It answered ${String(attempt.status)}.`;
}

/**
 * What follows an attempt. `failures`: attempts of this event that failed before this one; `failingMs`: since the first of
 * them; `random`: from 0 to 1.
 */
export function decideDelivery(
  attempt: Attempt,
  { failures, failingMs, random }: { failures: number; failingMs: number; random: number },
): DeliveryDecision {
  const reason = attemptWords(attempt);
  if (wasTaken(attempt)) return { action: 'delivered', reason };
  // The Standard Webhooks specification: a receiver says by it that it is gone for good.
  if (attempt.outcome === 'answered' && attempt.status === 410)
    return { action: 'disable', reason: 'It answered 410: the receiver is gone.' };
  if (failingMs >= GIVE_UP_AFTER_HOURS * 3_600_000)
    return {
      action: 'disable',
      reason: `An event was not taken for ${String(GIVE_UP_AFTER_HOURS)} hours. ${reason}`,
    };
  const delay = Math.min(FIRST_DELAY_MS * FACTOR ** failures, LONGEST_DELAY_MS);
  const share = LEAST_SHARE + (1 - LEAST_SHARE) * random;
  const asked = attempt.outcome === 'answered' ? (attempt.retryAfterMs ?? 0) : 0;
  const afterMs = Math.max(Math.round(delay * share), Math.min(asked, LONGEST_DELAY_MS));
  return { action: 'retry', afterMs, reason };
}

/**
 * The header Retry-After (RFC 9110, 10.2.3) in milliseconds: seconds, or an HTTP date, which counts from `now` (Unix time in
 * milliseconds). Null when it is neither.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(header)
    ? Date.parse(header)
    : NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
